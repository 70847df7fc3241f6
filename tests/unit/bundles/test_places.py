"""Where a home keeps what a bundle carries."""


def test_importing_lies_in_the_home(other):
    """What is being imported lies in the home, hidden."""
    assert other.places.importing == other.path / ".importing"
