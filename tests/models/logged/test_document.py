"""Our own Markdown as one HTML file."""

from __future__ import annotations

from models.logged.document import html_document

PAGE = """# How good: <b>

**Next step: good.** `a_b` says
more.

> **It flatters.**

## Part

### Inner

* one
  goes on
* **two**

| what | n |
| :-- | --: |
| <script> | **1** |
| empty |  |

![A "picture"](p.png)
"""
BODY = """<h1>How good: &lt;b&gt;</h1>
<section>
<p><strong>Next step: good.</strong> <code>a_b</code> says more.</p>
<blockquote><p><strong>It flatters.</strong></p></blockquote>
</section>
<section>
<h2>Part</h2>
<h3>Inner</h3>
<ul><li>one goes on</li><li><strong>two</strong></li></ul>
<div class="wide"><table><thead><tr><th>what</th><th>n</th></tr></thead><tbody>\
<tr><td>&lt;script&gt;</td><td><strong>1</strong></td></tr><tr><td>empty</td><td></td></tr>\
</tbody></table></div>
<img alt="A &#34;picture&#34;" src="data:image/png;base64,cC5wbmc=">
</section>"""


def test_each_mark():
    """Each mark of a page becomes what it means, and what is text stays text."""
    told = html_document(PAGE, str.encode)
    assert told.partition("<main>\n")[2].partition("\n</main>")[0] == BODY
    assert "<title>How good: &lt;b&gt;</title>" in told
