"""What is measured: music through the deployed path, in plain numbers with intervals."""
