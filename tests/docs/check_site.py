"""Check the built site: ``python tests/docs/check_site.py build/site [--screenshots DIR]``.

Every link of every page leads to a file and to an anchor that is there. With ``--screenshots``, headless Chromium shows
the pages below at the widths of a desk and of a phone, light and dark, and saves what it sees; no page may be wider
than its window, and the search must find what a visitor looks for.
"""

import argparse
import functools
import html.parser
import http.server
import json
import shutil
import subprocess
import sys
import threading
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

SHOWN = (
    "index.html",
    "learn.html",
    "exactness.html",
    "generated/families/index.html",
    "generated/families/Gamma.html",
    "generated/pairs.html",
    "generated/api.html",
    "generated/gallery/seek_or_cover.html",
)
SEARCHED = ("jensen", "Gamma", "VAE")
WIDTHS, THEMES = (1400, 400), ("light", "dark")

# A page that shows another one in a frame of some width, and says how wide the other one is. A headless window is never
# as narrow as a phone; a frame is.
FRAME = """<!doctype html><body style="margin:0"><iframe id="frame" style="border:0;width:{width}px;height:{height}px"
src="/{page}"></iframe><script>
document.getElementById("frame").onload = (event) => {{
  const page = event.target.contentDocument;
  page.documentElement.dataset.theme = "{theme}";
  setTimeout(() => {{
    document.body.dataset.result = JSON.stringify({{
      width: page.documentElement.scrollWidth, found: page.querySelectorAll("#search-results li").length }});
  }}, 1500);
}};</script></body>"""


class Page(html.parser.HTMLParser):
    """The links and the anchors of a page."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.anchors = {"", "top"}
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collect what a tag refers to and what it is called."""
        for name, value in attrs:
            if value and name in ("href", "src") and tag in ("a", "img", "link", "script"):
                self.links.append(value)
            elif value and name in ("id", "name"):
                self.anchors.add(value)


def broken_links(site: Path) -> Iterator[str]:
    """Yield what is wrong with the links of the site."""
    read = functools.cache(Page)
    for path in sorted(path for path in site.rglob("*.html") if "_static" not in path.parts):
        for link in read(path).links:
            parts = urllib.parse.urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / urllib.parse.unquote(parts.path)).resolve() if parts.path else path
            target = target / "index.html" if target.is_dir() else target
            if not target.exists():
                yield f"{path.relative_to(site)}: no file for {link}"
            elif target.suffix == ".html" and urllib.parse.unquote(parts.fragment) not in read(target).anchors:
                yield f"{path.relative_to(site)}: no anchor for {link}"


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serves the site, and the page that frames another."""

    def do_GET(self) -> None:
        """Answer with the frame, or with a file."""
        parts = urllib.parse.urlsplit(self.path)
        if parts.path != "/frame":
            super().do_GET()
            return
        asked = dict(urllib.parse.parse_qsl(parts.query))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(FRAME.format(**asked).encode())

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


def look(site: Path, folder: Path) -> Iterator[str]:
    """Take a screenshot of each page, and yield what is wrong with it."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome") or shutil.which("chrome")
    if chromium is None:
        yield "there is no chromium on the path; the screenshots need one"
        return
    folder.mkdir(parents=True, exist_ok=True)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(site)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    command = [chromium, "--headless=new", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=4000"]

    def run(option: str, page: str, width: int, theme: str) -> str:
        """Show a page in a frame, and return what Chromium prints."""
        query = urllib.parse.urlencode({"page": page, "width": width, "theme": theme, "height": 2000})
        url = f"http://127.0.0.1:{server.server_port}/frame?{query}"
        shown = [*command, f"--window-size={max(width, 500)},2000", option, url]
        return subprocess.run(shown, capture_output=True, check=True, encoding="utf-8").stdout

    def measure(page: str, width: int) -> dict[str, int]:
        """Return what the frame says of a page."""
        _, _, result = run("--dump-dom", page, width, THEMES[0]).partition('data-result="')
        found: dict[str, int] = json.loads(result.partition('"')[0].replace("&quot;", '"'))
        return found

    for page in SHOWN:
        name = page.removesuffix(".html").replace("/", "_")
        for width in WIDTHS:
            if measure(page, width)["width"] > width:
                yield f"{page} is wider than {width} pixels"
            for theme in THEMES:
                run(f"--screenshot={folder / f'{name}_{width}_{theme}.png'}", page, width, theme)
    for word in SEARCHED:
        if not measure(f"search.html?q={word}", WIDTHS[0])["found"]:
            yield f"the search does not find {word}"
    server.shutdown()


def main() -> int:
    """Print what is wrong, and return 1 if anything is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("site", type=Path)
    parser.add_argument("--screenshots", type=Path, help="a folder to save them in")
    options = parser.parse_args()
    site = options.site.resolve()
    wrong = list(broken_links(site))
    if options.screenshots:
        wrong += look(site, options.screenshots)
    print("\n".join(wrong) or f"{len(list(site.rglob('*.html')))} pages: all links lead somewhere")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
