"""Profiles: what is backed up, from where, kept how long."""

from dependency_injector.wiring import inject
from fastapi import APIRouter

from bck_apps.api.deps import requires, within_reach
from bck_apps.api.errors import responses
from bck_apps.api.providing import provided
from bck_apps.api.schemas import Page
from bck_apps.api.schemas_profiles import ProfileBody, ProfileRemovedView, ProfileView
from bck_apps.api.views import profile_of, profile_removed_view, profile_view
from bck_apps.wiring import logs
from bck_apps.wiring.container import Container
from bckcore.domain.access import Permission, Principal
from bckcore.domain.ids import ProfileId
from bckcore.errors import ConflictError, InvalidInputError
from bckcore.services.profiles import ProfileService
from bckcore.services.reach import Reach

router = APIRouter(prefix="/profiles", tags=["profiles"])
log = logs.get_logger("bck.api")


@router.get("", responses=responses(401, 403))
@inject
def list_profiles(
    who: Principal = requires(Permission.READ),
    profiles: ProfileService = provided(Container.profiles),
    reach: Reach = within_reach(),
) -> Page[ProfileView]:
    """All profiles by name, as far as the caller may know of them."""
    found = reach.only(who, profiles.list(), lambda profile: profile.host)
    return Page(items=[profile_view(profile) for profile in found], next=None)


@router.post("", status_code=201, responses=responses(401, 403, 404, 409, 422))
@inject
def add_profile(
    body: ProfileBody,
    _who: Principal = requires(Permission.CONFIGURE),
    profiles: ProfileService = provided(Container.profiles),
) -> ProfileView:
    """Save a new profile."""
    return profile_view(profiles.add(profile_of(body)))


@router.get("/{name}", responses=responses(401, 403, 404, 422))
@inject
def get_profile(
    name: str,
    _who: Principal = requires(Permission.READ),
    profiles: ProfileService = provided(Container.profiles),
) -> ProfileView:
    """One profile."""
    return profile_view(profiles.get(ProfileId(name)))


@router.put("/{name}", responses=responses(401, 403, 404, 409, 422))
@inject
def change_profile(
    name: str,
    body: ProfileBody,
    _who: Principal = requires(Permission.CONFIGURE),
    profiles: ProfileService = provided(Container.profiles),
) -> ProfileView:
    """Replace a profile's plan. Name and host stay: another host would be another set of files."""
    if body.name != name:
        raise InvalidInputError(f"The body names {body.name!r}, the address {name!r}.")
    before = profiles.get(ProfileId(name))
    if body.host != before.host:
        raise ConflictError(
            f"Profile {name} belongs to host {before.host}.",
            meaning="Nothing was changed: another host would be another set of files.",
            advice="Make a new profile for the other host.",
        )
    return profile_view(profiles.change(profile_of(body, before), repoint=body.repoint))


@router.delete("/{name}", responses=responses(401, 403, 404, 409, 422))
@inject
def remove_profile(
    name: str,
    who: Principal = requires(Permission.CONFIGURE),
    profiles: ProfileService = provided(Container.profiles),
) -> ProfileRemovedView:
    """Forget a profile that no job is at work for. What is stored of it stays; nothing prunes it."""
    kept = profiles.remove(ProfileId(name))
    log.warning("profile removed", profile=name, host=kept.ref.host, by=who.name, points=kept.points)
    return profile_removed_view(kept)
