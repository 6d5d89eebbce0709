"""Sphinx configuration; built with ``sphinx-build -n -W docs docs/_build/html``."""

import lrsched

project = "lrsched"
author = "The lrsched developers"
project_copyright = "2026, The lrsched developers"
version = release = lrsched.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_copybutton"]
exclude_patterns = ["_build"]
html_theme = "furo"
html_static_path = ["_static"]
html_title = f"lrsched {version}"

myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

smartquotes = False  # they make one dash of the two of an option
default_role = "any"
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
napoleon_custom_sections = [("Warns", "Raises"), "Source", "Law"]
nitpick_ignore_regex = [
    # No inventory of the standard library is at hand where there is no network.
    (r"py:.*", r"(attrs|collections|concurrent|hypothesis|matplotlib|numpy|np|os|pathlib|pd|warnings)\..*"),
    (r"py:.*", r"lrsched\.core\.frozendict\..*"),  # to a reader it is a mapping
    (r"py:.*", r"Figure"),  # matplotlib's
    (r"py:.*", r"lrsched\..*\._\w+"),  # private
]
