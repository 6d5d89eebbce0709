"""Run the demo of a module on several command lines, and print its output and exit codes as JSON.

Arguments: the module, and the JSON of a list of command lines. A program of its own: the original's demo sets up logs
and hooks for the whole process.
"""

import contextlib
import importlib
import io
import json
import sys
import warnings

if __name__ == "__main__":
    warnings.simplefilter("ignore")
    module = importlib.import_module(sys.argv[1])
    if module.__name__.startswith("returnn"):
        import returnn.__main__ as rnn

        rnn.init_backend_engine = lambda **_: None  # it would import torch, which the demo never uses
    answers = []
    for arguments in json.loads(sys.argv[2]):
        sys.argv = ["demo", *arguments]
        code = 0
        with contextlib.redirect_stdout(io.StringIO()) as output:
            try:
                module.demo()
            except SystemExit as end:
                code = end.code or 0
        answers.append([output.getvalue().splitlines(), code])
    print(json.dumps(answers))
