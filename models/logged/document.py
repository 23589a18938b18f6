"""A page in our own Markdown as one HTML file: no script, nothing from elsewhere, pictures in it.

Known are the marks that our pages have: headings, paragraphs, tables, lists, quotes, pictures, and
bold and code inside them. What a ladder calls things stays text, whatever is in it.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final

import jinja2
from markupsafe import Markup, escape

__all__ = ["environment", "html_document"]

_TEMPLATES: Final = Path(__file__).parent / "templates"
_PICTURE: Final = re.compile(r"!\[([^\]]*)\]\(([^)]+)\)")
_CODE: Final = re.compile(r"`([^`]+)`")
_BOLD: Final = re.compile(r"\*\*(.+?)\*\*")


def environment(*folders: Path) -> jinja2.Environment:
    """What fills in templates of pages; those of all pages, such as `style.css`, are there too."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader([*folders, _TEMPLATES]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def html_document(markdown: str, picture: Callable[[str], bytes]) -> str:
    """The page as the text of an HTML file; its first heading is the title.

    Parameters
    ----------
    picture : the bytes of the PNG of a name.
    """
    blocks = [block for block in markdown.strip().split("\n\n") if block]
    title = next((one[2:] for one in blocks if one.startswith("# ")), "")
    body = Markup("\n").join(_sections(blocks, picture))
    return environment().get_template("document.html").render(title=title, body=body)


def _sections(blocks: list[str], picture: Callable[[str], bytes]) -> Iterator[Markup]:
    """The blocks, those from each heading of the second rank on in a section of their own."""
    is_open = False
    for block in blocks:
        if block.startswith("# "):
            yield _heading(1, block)
            yield Markup("<section>")
            is_open = True
        elif block.startswith("## "):
            if is_open:
                yield Markup("</section>")
            yield Markup("<section>")
            yield _heading(2, block)
            is_open = True
        else:
            yield _block(block, picture)
    if is_open:
        yield Markup("</section>")


def _heading(rank: int, block: str) -> Markup:
    return Markup("<h{}>{}</h{}>").format(rank, _inline(block[rank + 1 :]), rank)


def _block(block: str, picture: Callable[[str], bytes]) -> Markup:
    if block.startswith("### "):
        return _heading(3, block)
    if shown := _PICTURE.fullmatch(block):
        data = b64encode(picture(shown[2])).decode()
        return Markup('<img alt="{}" src="data:image/png;base64,{}">').format(shown[1], data)
    if block.startswith("|"):
        return _table(block.splitlines())
    if block.startswith("> "):
        return Markup("<blockquote><p>{}</p></blockquote>").format(_inline(_joined(block[2:])))
    if block.startswith("* "):
        items = [_inline(_joined(item)) for item in block[2:].split("\n* ")]
        return Markup("<ul>{}</ul>").format(_each("<li>{}</li>", items))
    return Markup("<p>{}</p>").format(_inline(_joined(block)))


def _joined(text: str) -> str:
    return " ".join(text.split())


def _table(lines: list[str]) -> Markup:
    head, _, *rows = [[_inline(cell.strip()) for cell in line[1:-1].split("|")] for line in lines]
    told = [_each("<td>{}</td>", row) for row in rows]
    return Markup(
        '<div class="wide"><table><thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>'
    ).format(_each("<th>{}</th>", head), _each("<tr>{}</tr>", told))


def _each(tag: str, parts: Iterable[Markup]) -> Markup:
    return Markup("").join(map(Markup(tag).format, parts))  # noqa: S704 the tag is one of ours


def _inline(text: str) -> Markup:
    found = _CODE.sub(r"<code>\1</code>", str(escape(text)))
    return Markup(_BOLD.sub(r"<strong>\1</strong>", found))  # noqa: S704 it was escaped
