"""The pages for salespeople: the queue, and one lead. Rendered here, with hardly a script."""

from serving.pages.routes import install, problem_page, router

__all__ = ["install", "problem_page", "router"]
