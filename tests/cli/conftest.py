"""The command line, run in this process."""

import pytest

from lrsched.cli import main


@pytest.fixture
def run(capsys, monkeypatch):
    """Runs a command in a wide window; gives its exit code, and what it printed to the output and as errors."""

    def run(*arguments, columns=200):
        monkeypatch.setenv("COLUMNS", str(columns))
        with pytest.raises(SystemExit) as stopped:
            main(list(map(str, arguments)))
        printed = capsys.readouterr()
        return stopped.value.code or 0, printed.out, printed.err

    return run
