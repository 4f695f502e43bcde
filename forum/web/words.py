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
