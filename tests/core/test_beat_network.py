"""The network that hears beats: what it says is a law of chances, and a damaged one is refused."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from livegen.core.beat_network import FILE, PERIODS_S, PLACES, BeatNetwork, beat_network, read_network, shapes
from livegen.core.errors import ModelError
from livegen.core.strike_features import FEATURES

BUNDLED = Path(str(files("livegen"))) / "pretrained" / FILE


def test_what_it_says_are_chances() -> None:
    network = beat_network()
    state, opinion = network.hear(network.silence, np.ones(FEATURES))
    usual = network.arrays["usual_places"]
    assert np.exp(opinion.places + usual).sum() == pytest.approx(1)
    assert np.exp(opinion.periods).sum() == pytest.approx(1)
    assert (opinion.places.shape, opinion.periods.shape) == ((PLACES,), PERIODS_S.shape)
    assert np.exp(usual).sum() == pytest.approx(1, abs=1e-5)
    assert [layer.shape for layer in state] == [(network.units,), (network.units,)]


def test_it_remembers_and_hearing_changes_nothing_else() -> None:
    network = beat_network()
    first, opinion = network.hear(network.silence, np.ones(FEATURES))
    assert network.hear(network.silence, np.ones(FEATURES))[1].places == pytest.approx(opinion.places, abs=0)
    assert network.hear(first, np.ones(FEATURES))[1].places != pytest.approx(opinion.places, abs=1e-3)


def test_a_network_without_an_array_or_with_one_of_another_shape_is_refused() -> None:
    arrays = {name: np.zeros(shape) for name, shape in shapes(8).items()}
    BeatNetwork(arrays)
    with pytest.raises(ModelError, match="back_1 is missing"):
        BeatNetwork({name: array for name, array in arrays.items() if name != "back_1"})
    with pytest.raises(ModelError, match=r"places is \(13, 9\), not \(13, 8\)"):
        BeatNetwork(arrays | {"places": np.zeros((13, 9))})
    with pytest.raises(ModelError):
        BeatNetwork({})
    with pytest.raises(ModelError, match="periods has something"):
        BeatNetwork(arrays | {"periods": np.full(shapes(8)["periods"], np.nan)})


def damaged(whole: bytes) -> dict[str, bytes]:
    """A file that lost its end, one with other bytes in its middle, and some that are something else."""
    middle = len(whole) // 2
    changed = whole[:middle] + bytes(255 - byte for byte in whole[middle : middle + 64]) + whole[middle + 64 :]
    return {
        "cut": whole[:middle],
        "changed": changed,
        "empty": b"",
        "text": b"beats",
        "array": whole[whole.index(b"\x93NUMPY") :],
    }


@pytest.mark.parametrize("how", damaged(b"\x93NUMPY"))
def test_a_damaged_file_is_refused_with_its_name(how: str, tmp_path: Path) -> None:
    path = tmp_path / "beats.npz"
    path.write_bytes(damaged(BUNDLED.read_bytes())[how])
    with pytest.raises(ModelError, match="install livegen again"):
        read_network(path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"nothing\.npz"):
        read_network(tmp_path / "nothing.npz")
