"""``python -m lrsched.returnn``: the demo."""

from lrsched.returnn.demo import demo

if __name__ == "__main__":
    demo()
