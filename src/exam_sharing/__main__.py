"""`python -m exam_sharing` is the command `exam-sharing`."""

from exam_sharing.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
