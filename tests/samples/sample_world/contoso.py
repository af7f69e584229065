"""Contoso: a tenant that has grown for years, with everything wrong that a tenant can have wrong."""

from sample_world import contoso_directory as directory
from sample_world import contoso_people as people
from sample_world import contoso_settings as settings
from sample_world import contoso_stories as stories
from sample_world.world import World


def make() -> World:
    """Return the tenant."""
    w = World(
        "contoso",
        "Contoso: grown for years, everything wrong, hostile guests in it",
        name="Contoso Group plc",
        initial="contosogrown.onmicrosoft.com",
        primary="contoso.example",
        clock="2026-11-20 08:15",
    )
    w.licences = ("P1", "P2")
    w.comment = "The default sample: a grown tenant in which every control that can fail does."
    people.staff(w)
    people.cast(w)
    people.many(w)
    people.hostile_guests(w)
    settings.tenant(w)
    settings.invitations(w)
    settings.cross_tenant(w)
    directory.groups(w)
    directory.applications(w)
    directory.roles(w)
    settings.conditional_access(w)
    settings.governance(w)
    settings.workloads(w)
    stories.tell(w)
    directory.swept_in(w)
    directory.registrations(w)
    w.settle_activity()
    return w
