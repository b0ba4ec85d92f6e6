"""The site: ``nox -s docs`` builds it from nothing, with every warning an error."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent
sys.path[:0] = [str(HERE), str(ROOT)]  # the pages below, and a checkout where kldiv is not installed

import generated_pages  # noqa: E402
import matplotlib.style  # noqa: E402

import kldiv  # noqa: E402

project = "kldiv"
author = "the kldiv developers"
copyright = "the kldiv developers"
release = kldiv.__version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
    "sphinx-mathjax-offline",  # nothing is loaded from elsewhere
]
templates_path = ["_templates"]
exclude_patterns = ["_build", "README.md", "generated/gallery/*.ipynb", "generated/gallery/*.py"]
myst_enable_extensions = ["colon_fence", "dollarmath", "attrs_block"]
myst_heading_anchors = 3
nitpicky = False
suppress_warnings = ["config.cache"]  # the order of the gallery is a function, which cannot be pickled

# API pages come from docstrings; `numpydoc` checks those of the public functions.
autosummary_generate = True
autodoc_typehints = "none"  # the section Parameters says it, in words
numpydoc_show_class_members = False
numpydoc_validation_checks = {
    *("GL01", "GL02", "GL03", "GL05", "GL06", "GL07", "GL08"),  # sections, their order, blank lines
    *("PR01", "PR02", "PR03"),  # every parameter, in its order
    *("RT01", "YD01"),  # what is returned
    *("SS01", "SS03", "SS04", "SS06"),  # one line that begins the docstring and ends with a full stop
}
numpydoc_validation_exclude = {
    r"\.(Bounds|Estimate|Fit|Grid|History|Rule)$",  # they have Attributes for Parameters
    r"\.converter$",  # numpydoc leaves out an argument that is called cls
}


def use_style(gallery_conf, name):
    """Draw every example of the gallery in the style of the site."""
    matplotlib.style.use(generated_pages.STYLE)


sphinx_gallery_conf = {
    "examples_dirs": str(ROOT / "examples" / "gallery"),
    "gallery_dirs": "generated/gallery",
    "filename_pattern": r"\.py$",
    "within_subsection_order": "FileNameSortKey",
    "download_all_examples": False,
    "capture_repr": (),  # axes need no text
    "show_memory": False,
    "show_signature": False,
    "min_reported_time": 60,
    "abort_on_example_error": True,
    "remove_config_comments": True,
    "reset_modules": (use_style,),
    "write_computation_times": False,
}

html_theme = "pydata_sphinx_theme"
ALONE = ("generated/pairs", "generated/api", "generated/changes", "capabilities", "versions")
html_sidebars = {page: [] for page in ALONE}  # there are no pages below them to list
html_title = "kldiv"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_js_files = ["pairs.js"]
html_show_sourcelink = False
html_theme_options = {
    "logo": {"text": "kldiv"},
    "navbar_align": "left",
    "show_toc_level": 2,
    "header_links_before_dropdown": 6,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": ["sphinx-version"],
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}


def setup(app):
    """Write the generated pages before Sphinx looks for pages."""
    app.connect("config-inited", lambda app, config: generated_pages.write(HERE / "generated"))
