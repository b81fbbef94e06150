"""Written scores: keyboard staves, songs, lines, guitars, ensembles, quartets."""

from __future__ import annotations

from pathlib import Path

import pytest

from livegen.core.events import Part
from livegen.core.harmony import ChordSymbol
from models.corpora import scores
from models.corpora.source import QuarantinedError, Work, indexed_works

RIGHT = [(at, pitch, 1.0) for at, pitch in enumerate((72, 76, 79, 77, 76, 74, 72, 71, 72, 76, 79, 81, 79, 77, 74, 72))]
LEFT = [(2.0 * at, pitch, 2.0) for at in range(8) for pitch in ((36, 48, 52, 55), (43, 50, 53, 59))[at % 2]]
THIRDS = [(at, pitch - 4, 1.0) for at, pitch, _ in RIGHT]


def _work(path: Path, kind: str = "") -> Work:
    return Work(path, "a work", kind)


@pytest.mark.parametrize(
    ("kind", "style"),
    [
        ("keyboard:Secular; Mazurka", "classical"),
        ("voice_piano:Secular; Song", "song"),
        ("Romantic: Voice and Piano", "song"),
        ("Song: ", "classical"),
        ("Folk: Koto", "folk"),
        ("Jazz: Piano", "jazz"),
        ('"Hymn: 2 guitars', "hymn"),
        ("", "classical"),
    ],
)
def test_the_index_tells_the_style(kind: str, style: str) -> None:
    assert scores.style_of(kind) == style


def test_two_staves_are_cut_into_the_top_the_bass_and_the_rest(tmp_path: Path, write_midi) -> None:
    path = write_midi(tmp_path / "polish" / "0.mid", [("Piano", [*RIGHT, *THIRDS]), ("Piano", LEFT)], metres=[(0, (2, 4))])
    [piece] = scores.read(_work(path, "keyboard:Secular")).pieces
    assert (piece.corpus, piece.work, piece.style, piece.beats_per_bar) == ("polish", "a work", "classical", 2)
    assert [note.pitch for note in piece.melody] == [pitch for _, pitch, _ in RIGHT]
    assert [note.pitch for note in piece.parts[Part.BASS]] == [36, 43] * 4
    assert {note.pitch for note in piece.parts[Part.CHORDS]} == {48, 50, 52, 53, 55, 59} | {pitch for _, pitch, _ in THIRDS}
    assert piece.chords[0].symbol == ChordSymbol(0)
    assert piece.key == ChordSymbol(0)


def test_the_staves_of_an_organ_are_parted_into_two_hands(tmp_path: Path, write_midi) -> None:
    tracks = [("Organ", RIGHT), ("Organ", THIRDS), ("Organ", LEFT)]
    [piece] = scores.read(_work(write_midi(tmp_path / "polish" / "0.mid", tracks), "organ:Sacred")).pieces
    assert [note.pitch for note in piece.melody] == [pitch for _, pitch, _ in RIGHT]
    assert [note.pitch for note in piece.parts[Part.BASS]] == [36, 43] * 4


def test_a_song_has_the_voice_for_melody(tmp_path: Path, write_midi) -> None:
    tracks = [("Piew", [(at, pitch - 12, length) for at, pitch, length in RIGHT]), ("Fortepian", RIGHT), ("Fortepian", LEFT)]
    [piece] = scores.read(_work(write_midi(tmp_path / "polish" / "0.mid", tracks), "voice_piano:Secular")).pieces
    assert piece.style == "song"
    assert [note.pitch for note in piece.melody] == [pitch - 12 for _, pitch, _ in RIGHT]


def test_a_duet_with_piano_is_an_ensemble(tmp_path: Path, write_midi) -> None:
    tracks = [("Soprano", RIGHT), ("Alto", THIRDS), ("Piano", LEFT)]
    [piece] = scores.read(_work(write_midi(tmp_path / "polish" / "0.mid", tracks), "voice_piano:Secular")).pieces
    assert [note.pitch for note in piece.melody] == [pitch for _, pitch, _ in RIGHT]
    assert {72 - 4, 76 - 4} <= {note.pitch for note in piece.parts[Part.CHORDS]}


def test_a_line_by_itself_has_no_parts_and_no_chords(tmp_path: Path, write_midi) -> None:
    path = write_midi(tmp_path / "mutopia" / "0.mid", [(":", RIGHT)])
    [piece] = scores.read(_work(path, "Baroque: Cello")).pieces
    assert (piece.corpus, piece.parts, piece.chords) == ("mutopia-scores", {}, ())


def test_a_guitar_is_cut_as_a_keyboard_is(tmp_path: Path, write_midi) -> None:
    strings = [(at, pitch - 12, 1.0) for at, pitch, _ in RIGHT] + [(2.0 * at, (40, 45)[at % 2], 2.0) for at in range(8)]
    [piece] = scores.read(_work(write_midi(tmp_path / "mutopia" / "0.mid", [("guitar:", strings)]), "Classical: Guitar")).pieces
    assert [note.pitch for note in piece.melody] == [pitch - 12 for _, pitch, _ in RIGHT]
    assert [note.pitch for note in piece.parts[Part.BASS]] == [40, 45] * 4


def test_a_quartet_is_told_apart_by_its_tracks(tmp_path: Path, write_midi) -> None:
    middle = [(at, pitch - 9, 1.0) for at, pitch, _ in RIGHT]
    low = [(2.0 * at, (48, 43)[at % 2], 2.0) for at in range(8)]
    tracks = [("Violin 1", RIGHT), ("Violin 2", THIRDS), ("Viola", middle), ("Violoncello", low)]
    [piece] = scores.read_quartet(_work(write_midi(tmp_path / "quartets" / "0.mid", tracks))).pieces
    assert [note.pitch for note in piece.melody] == [pitch for _, pitch, _ in RIGHT]
    assert [note.pitch for note in piece.parts[Part.BASS]] == [48, 43] * 4
    assert len(piece.parts[Part.CHORDS]) == 32
    with pytest.raises(QuarantinedError, match="not a quartet: 3 parts"):
        scores.read_quartet(_work(write_midi(tmp_path / "quartets" / "1.mid", tracks[:3])))


def test_a_score_without_a_metre_is_quarantined(tmp_path: Path, write_midi) -> None:
    path = write_midi(tmp_path / "polish" / "0.mid", [("Organ", RIGHT), ("Organ", LEFT)], metres=[])
    with pytest.raises(QuarantinedError, match="no metre is marked"):
        scores.read(_work(path))


def test_two_corpora_share_the_folder_of_mutopia(tmp_path: Path, write_midi) -> None:
    folder = tmp_path / "mutopia"
    for name in ("0.mid", "1.mid", "2.mid"):
        write_midi(folder / name, [("a", RIGHT)])
    (folder / "index.csv").write_text("file,work_group,style\n0.mid,a,Hymn: Voice (SATB)\n1.mid,b,Romantic: Piano\n")
    assert [(work.path.name, work.kind) for work in scores.MUTOPIA.works(scores.MUTOPIA.path(tmp_path))] == [
        ("1.mid", "Romantic: Piano"),
        ("2.mid", ""),
    ]
    assert [work.path.name for work in indexed_works(folder, "work_group", only_style="SATB")] == ["0.mid"]
