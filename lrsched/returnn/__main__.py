"""``python -m lrsched.returnn``: the demo."""

from lrsched.returnn.demo import demo

demo()
