"""Run as a program: ``hostile.py WHERE``. Reads what somebody made to attack, within 1 GiB of memory, and tells."""

import resource
import sys
import time

from lrsched import LrschedError, read

GIBIBYTE = 2**30


def main():
    resource.setrlimit(resource.RLIMIT_AS, (GIBIBYTE, GIBIBYTE))
    start = time.process_time()
    try:
        history = read(sys.argv[1])
    except LrschedError as error:
        outcome = f"refused: {type(error).__name__}: {str(error)[:300]}"
    else:
        outcome = f"read: {len(history)} epochs, {max(len(data.error) for data in history.values())} errors"
    seconds = time.process_time() - start
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"{outcome}\n{seconds:.2f} s, {megabytes} MB")


if __name__ == "__main__":
    main()
