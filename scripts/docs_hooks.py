"""What mkdocs is told for each page: its language, and the same page in the other one. Material knows one language per site."""

import re

NAMES = {"en": "English", "zh": "中文"}


def on_page_markdown(markdown, page, config, files):
    """Before a page is read: records of decisions are for who changes ferrio, not among the answers to a reader's search.

    https://squidfunk.github.io/mkdocs-material/setup/setting-up-site-search/#search-exclusion
    """
    if page.url.startswith("decisions/"):
        page.meta["search"] = {"exclude": True}
    return markdown


def on_page_context(context, page, config, nav):
    """Before a page is rendered; https://www.mkdocs.org/dev-guide/plugins/#on_page_context"""
    here = language_of(page.url)
    config.theme["language"] = here or "en"
    config.extra["alternate"] = [
        {"name": name, "link": counterpart(page.url, here, language), "lang": language} for language, name in NAMES.items()
    ]
    return context


def language_of(url):
    """None for a page that is not one of the guide's: those are in English only."""
    return next((language for language in NAMES if url.startswith(f"guide/{language}/")), None)


def counterpart(url, here, language):
    if here is not None:
        return url.replace(f"guide/{here}/", f"guide/{language}/", 1)
    return url if language == "en" else f"guide/{language}/"


def on_post_page(output, page, config):
    """Without the links to other languages in the head: Material's script takes each for a whole site, of which it asks for the
    map, and leads links to its pages to its front page."""
    return re.sub(r'<link rel="alternate" [^>]*hreflang=[^>]*>\s*', "", output)
