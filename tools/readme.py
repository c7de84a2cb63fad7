"""Write README.md from nbs/index.ipynb; `--check` only says whether they agree."""
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DIRECTIVES = re.compile(r"\A(?:\s*#\s*\|.*\n?)+")


def make_readme(index: Path) -> str:
    """The notebook as Markdown: hidden cells and figures left out, outputs as text, links made from the root."""
    import nbformat
    from nbconvert import MarkdownExporter

    notebook = nbformat.read(index, 4)
    notebook.metadata["language_info"] = {"name": "python"}
    notebook.cells = [cell for cell in notebook.cells if not re.match(r"\s*#\s*\|\s*(hide\b|echo: false)", cell.source)]
    for cell in notebook.cells:
        cell.source = DIRECTIVES.sub("", cell.source)
        cell.outputs = [output for output in cell.get("outputs", []) if "image/png" not in output.get("data", {})]
        for output in cell.outputs:
            if "text/plain" in output.get("data", {}):
                output.data = {"text/plain": output.data["text/plain"]}
    text, _ = MarkdownExporter().from_notebook_node(notebook)
    text = re.sub(r"\]\((?!\w+:|#|/)(?=[^)]+\.ipynb)", "](nbs/", text)
    return re.sub(r"[ \t]+\n", "\n", re.sub(r"\n{3,}", "\n\n", text)).strip() + "\n"


def main() -> int:
    readme, text = ROOT / "README.md", make_readme(ROOT / "nbs" / "index.ipynb")
    if "--check" not in sys.argv:
        readme.write_text(text, encoding="utf-8")
    elif readme.read_text(encoding="utf-8") != text:
        print("README.md differs from nbs/index.ipynb: run `make export`.")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
