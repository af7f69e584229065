"""Thirty days at Contoso, 21 October to 20 November 2026: what was done, by whom, from where.

Each function tells one story. The people they make are in the directory
afterwards as the story leaves them.
"""

from sample_world import contoso_changes as changes
from sample_world import contoso_invitations as invitations
from sample_world import contoso_sign_ins as sign_ins
from sample_world.world import World


def tell(w: World) -> None:
    """Tell all stories, in an order that lets later ones use the people of earlier ones."""
    invitations.everyday_invitations(w)
    invitations.guests_invite_guests(w)
    invitations.synchronized(w)
    invitations.burst(w)
    invitations.application_invites(w)
    changes.chain_to_power(w)
    changes.guest_becomes_member(w)
    changes.settings_are_loosened(w)
    sign_ins.shells(w)
    sign_ins.portals(w)
    invitations.resets(w)
    invitations.late_and_short(w)
    sign_ins.sleepers_and_travellers(w)
    changes.idle_guest_returns(w)
    sign_ins.oddities(w)
    sign_ins.everyday_sign_ins(w)
    changes.everyday_changes(w)
