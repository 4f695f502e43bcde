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
MODES_SAID = {
    "each": _("You get every message by mail."),
    "daily": _("You get a digest by mail once a day."),
    "weekly": _("You get a digest by mail once a week."),
    "none": _("You get no mail from this network; you read it here."),
}
