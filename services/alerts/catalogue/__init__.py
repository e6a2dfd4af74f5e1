"""The catalogue as it lies in `catalogue.yaml`, read and validated once at start."""

from __future__ import annotations

from importlib.resources import files

import yaml

from services.alerts.domain.catalogue import Catalogue, read_catalogue


def load_catalogue() -> Catalogue:
    """The catalogue that comes with the product; raises Invalid that names what is wrong in it."""
    return read_catalogue(yaml.safe_load((files(__package__) / "catalogue.yaml").read_text(encoding="utf-8")))
