"""Filters: the presets that a profile can take by name."""

from fastapi import APIRouter

from bck_apps.api.deps import requires
from bck_apps.api.errors import responses
from bck_apps.api.schemas import Page
from bck_apps.api.schemas_profiles import PresetView
from bckcore.domain.access import Permission, Principal
from bckcore.domain.presets import PRESETS

router = APIRouter(prefix="/filters", tags=["profiles"])


@router.get("/presets", responses=responses(401, 403))
def list_presets(_who: Principal = requires(Permission.READ)) -> Page[PresetView]:
    """Every version of every list, with its rules. A released one never changes."""
    items = [PresetView(preset=one.id, about=one.about, rules=list(one.rules)) for one in PRESETS]
    return Page(items=items, next=None)
