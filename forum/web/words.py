"""Words for what the database keeps as codes; translated where they are shown."""

from forum.errors import _

LANGUAGES = {"fi": "Suomi", "sv": "Svenska", "en": "English"}
KINDS = {
    "theme": _("theme network"),
    "region": _("regional network"),
    "profession": _("professional network"),
    "swarm": _("swarm"),
}
MODES = {
    "each": _("every message"),
    "daily": _("daily digest"),
    "weekly": _("weekly digest"),
    "none": _("web only"),
}
LANDED = {
    "token": _("It came to the personal reply address of a mail in this discussion."),
    "reference": _("Its mail program marked it as an answer to a message in this discussion (In-Reply-To)."),
    "thread-index": _("Outlook marked it as part of this discussion (Thread-Index)."),
    "marker": _("What it quotes is from a message in this discussion."),
    "subject": _("It named no message; its subject, or its author when asked, led to this discussion."),
    "new": _("It answered no message that was here, so it began a discussion."),
    "moved": _("It was moved here by hand."),
}
MODES_SAID = {
    "each": _("You get every message by mail."),
    "daily": _("You get a digest by mail once a day."),
    "weekly": _("You get a digest by mail once a week."),
    "none": _("You get no mail from this network; you read it here."),
}
STATES = {
    "sent": _("By mail: arrived at their mail server"),
    "waiting": _("By mail: on its way"),
    "deferred": _("By mail: their server asked us to wait; we try again"),
    "bounced": _("By mail: could not be delivered"),
    "digest": _("In a digest"),
    "web": _("Read it here, and get no mail"),
    "muted": _("Have muted the discussion"),
    "author": _("The author"),
    "left": _("Left the network before it was sent"),
}
WHY = {
    "author": _("The author"),
    "sent": _("Arrived at their mail server"),
    "left": _("Left the network before it was sent"),
    "flood": _("In a digest: many messages came that day"),
    "refused": _("Their mail server did not take it"),
    "bounced": _("Was sent, and came back"),
    "deferred": _("Could not be delivered yet"),
    "waiting": _("On its way"),
    "muted": _("Has muted the discussion"),
    "imported": _("Brought in from elsewhere, so sent to nobody"),
    "away": _("Away: it is in the mail that tells what they missed"),
    "digest": _("In a digest"),
    "unreachable": _("Not sent: mail to them had come back before"),
    "web": _("Reads it here, and gets no mail"),
}
WHY_MINE = {
    "author": _("You wrote it yourself, so no copy was sent to you."),
    "sent": _("It was sent to %(address)s, and your mail server took it."),
    "left": _("You left the network before it was sent to you."),
    "flood": _("Many messages came to you that day, so it is in a digest."),
    "refused": _("It was sent to %(address)s, but your mail server did not take it."),
    "bounced": _("It was sent to %(address)s, and came back."),
    "deferred": _("It could not be delivered to %(address)s yet. We try again."),
    "waiting": _("It is on its way to %(address)s."),
    "muted": _("You had muted the discussion, so it was not sent to you."),
    "imported": _("It was brought in from elsewhere, so it was sent to nobody."),
    "away": _("You were away, so it is in the mail that tells what you missed."),
    "digest": _("You had chosen digests of this network, and it is in one of them."),
    "unreachable": _("Mail to %(address)s had come back before, so this message was not sent there."),
    "web": _("You had chosen to read this network here, so it was not sent to you."),
    "": _("You were not a member of this network when it came, so it was not sent to you."),
}
