"""The site in a real browser: every page loads whole, and has what its reader needs. With FERRIO_SCREENSHOTS=directory it leaves
pictures of every page there.
"""

import asyncio
import functools
import http.server
import os
import pathlib
import re
import threading
import urllib.parse

import pytest
from browser import browser
from pages import ROOT
from servers import find_program

import ferrio

SITE = ROOT / "target" / "site"

LANGUAGES = {"guide/en/": "en", "guide/zh/": "zh"}
# What a page is, as its reader sees it.
SEEN = """({
    title: document.title,
    heading: document.querySelector("h1")?.innerText ?? "",
    language: document.documentElement.lang,
    text: document.querySelector("article").innerText.length,
    programs: document.querySelectorAll(".language-python").length,
    coloured: document.querySelectorAll(".language-python:has(.kn)").length,
    current: document.querySelector(".md-tabs__item--active")?.innerText ?? "",
    wider_than_the_window: document.documentElement.scrollWidth > innerWidth,
    broken_pictures: [...document.images].filter(picture => !picture.naturalWidth).map(picture => picture.src),
})"""


@pytest.fixture(scope="module")
def address():
    """Where the site is served."""
    if not (SITE / "index.html").exists():
        need = "the site is not built: scripts/docs.sh"
        pytest.fail(need) if os.environ.get("CI") == "true" else pytest.skip(need)

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=SITE)) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture(scope="module")
def chromium():
    return find_program("chromium", "chromium")


def pages():
    """Their addresses below the site's, of all but the page for a missing one."""
    found = (str(page.parent.relative_to(SITE)) for page in SITE.rglob("index.html"))
    return sorted("" if page == "." else f"{page}/" for page in found)


def test_every_page_is_whole(address, chromium):
    seen = ferrio.run(visit(chromium, address, pages()))
    assert len(seen) >= 35
    for page, (what, complaints, requests) in seen.items():
        assert complaints == [], page
        assert [url for url in requests if not url.startswith((address, "data:"))] == [], page
        assert what["heading"] and what["text"] > 200, page
        assert what["current"], page
        assert what["coloured"] == what["programs"], page
        assert not what["wider_than_the_window"], page
        assert what["broken_pictures"] == [], page
        assert what["language"] == next((LANGUAGES[start] for start in LANGUAGES if page.startswith(start)), "en"), page
        if re.match(r"guide/../\d", page):
            assert what["programs"] > 0, page
    titles = [what["title"] for what, _, _ in seen.values()]
    assert all(title.endswith("ferrio") for title in titles)
    # Names like Task and HTTP are the same in both languages.
    for start in LANGUAGES:
        of_one = [what["title"] for page, (what, _, _) in seen.items() if page.startswith(start)]
        assert len(of_one) == len(set(of_one)) == 14


async def visit(chromium, address, pages):
    pictures = os.environ.get("FERRIO_SCREENSHOTS")
    seen = {}
    async with browser(chromium) as tab:
        for page in pages:
            await tab.open(address + page)
            seen[page] = await tab.evaluate(SEEN), tab.complaints, tab.requests
            if pictures:
                await take_pictures(tab, pathlib.Path(pictures), page)
    return seen


async def take_pictures(tab, directory, page):
    directory.mkdir(parents=True, exist_ok=True)
    name = page.strip("/").replace("/", "-") or "home"
    for width in (1280, 420):
        await tab.size(width, 900)
        await tab.screenshot(directory / f"{name}-{width}.png")
    await tab.size(1280, 900)


def test_the_language_can_be_changed_on_each_page(address, chromium):
    async def main():
        async with browser(chromium) as tab:
            there = []
            await tab.open(address + "guide/en/04-task/")
            for language in ("zh", "en"):
                await tab.click(f'.md-select__link[hreflang="{language}"]')
                there.append(await tab.evaluate("location.pathname"))
            await tab.open(address + "recipes/")
            await tab.click('.md-select__link[hreflang="zh"]')
            there.append(await tab.evaluate("location.pathname"))
            # Material's script, where it knows of languages, would lead this one to /guide/zh/ too.
            await tab.open(address + "guide/en/")
            await tab.evaluate("document.body.insertAdjacentHTML('beforeend', '<a id=there href=/guide/zh/03-await/>there</a>')")
            await tab.click("#there")
            there.append(await tab.evaluate("location.pathname"))
            return there

    assert ferrio.run(main()) == ["/guide/zh/04-task/", "/guide/en/04-task/", "/guide/zh/", "/guide/zh/03-await/"]


@pytest.mark.parametrize(("word", "language"), [("semaphore", "en"), ("信号量", "zh")])
def test_the_search_finds_words_of_both_languages(address, chromium, word, language):
    async def main():
        async with browser(chromium) as tab:
            await tab.open(f"{address}?q={urllib.parse.quote(word)}")
            links = "[...document.querySelectorAll('.md-search-result__link')].map(link => new URL(link.href).pathname)"
            async with asyncio.timeout(120):  # only where there is nothing to find
                while not (found := await tab.evaluate(links)):
                    await asyncio.sleep(0.05)
            return found

    assert f"/guide/{language}/06-gather-and-wait/" in ferrio.run(main())


def test_a_page_that_is_broken_would_be_noticed(address, chromium):
    """What the first test looks for does turn up."""

    async def main():
        async with browser(chromium) as tab:
            await tab.open(address + "nowhere/")
            missing = list(tab.complaints)
            await tab.evaluate("new Image().src = '/nothing.png'; setTimeout(() => { throw new Error('broken') })")
            async with asyncio.timeout(120):
                # The picture and the error, in whatever order; the browser also asks for an icon, when it likes.
                while len(tab.complaints) < len(missing) + 2 or not any(
                    complaint.startswith("Uncaught") for complaint in tab.complaints
                ):
                    await asyncio.sleep(0.01)
            return missing, tab.complaints

    missing, complaints = ferrio.run(main())
    assert any(complaint.startswith("404") for complaint in missing)
    assert any(complaint.startswith("Uncaught") for complaint in complaints)
