"""A small portal of imaging exams, made with FastAPI: the product page on a screen.

`python -m portal`, from `docs/examples`, opens it and prints its address. It needs the extra
`portal`. Read `tables` first (the portal's own users and exams, and the columns that we name to
`exam_sharing`), then `pages` and `share_pages`.
"""
