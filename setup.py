"""Package metadata, read from settings.ini so that it is written once."""
from configparser import ConfigParser
from pathlib import Path

from setuptools import setup

here = Path(__file__).parent
parser = ConfigParser(delimiters=["="], interpolation=None)
parser.read(here / "settings.ini", encoding="utf-8")
settings = parser["DEFAULT"]
extras = {
    key.removesuffix("_requirements"): value.split()
    for key, value in settings.items()
    if key.endswith("_requirements")
}

setup(
    name=settings["lib_name"],
    version=settings["version"],
    description=settings["description"],
    long_description=(here / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    author=settings["author"],
    license="Apache-2.0",
    license_files=["LICENSE"],
    keywords=settings["keywords"].split(),
    classifiers=["Programming Language :: Python :: 3", "Framework :: Jupyter"],
    python_requires=">=" + settings["min_python"],
    install_requires=settings["requirements"].split(),
    extras_require=extras,
    packages=["loyalty_research", "loyalty_research.data"],
    package_dir={"loyalty_research.data": "data"},
    package_data={
        "loyalty_research.data": ["schemes/*.toml", "examples/*.toml", "refused/*.toml", "reference/*.csv", "results/*.csv", "*/*.json", "*/*.md"],
    },
    zip_safe=False,
)
