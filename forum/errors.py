"""Every refusal, with its sentence and what to do instead.

Refusal
├── NotFound      NetworkNotFound ThreadNotFound PostNotFound MemberNotFound AttachmentNotFound PageNotFound LinkNotValid
│                 AddressNotFound
├── NotAllowed    NotSignedIn NotAMember NotAContact MembersOnly NetworkArchived ThreadLocked WrongOrigin BadToken MayNotChange
│                 MetricsTokenWrong CoordinatorsOnly ContactsOnly
├── Invalid       EmptyPost SubjectMissing TextTooLong UploadTooLarge BadAddress BadSlug BadChoice NameMissing
│                 SlugTaken ChoiceUnclear AnswerUnclear AbsenceUnclear NothingAnswered CodeWrong FormIncomplete FileUnreadable MailNotTaken
│                 MailMissing InvitationAnswered
├── TooMany       TooManyCodes TooManyTries SaidAgain ToAndFro
└── FilesAway     our own trouble, which passes: what was sent is to be sent again

Doors turn the kind into a page, a mail or an exit status; anything else raised is a bug.
"""

from typing import ClassVar


def _(sentence: str) -> str:
    """Marks a sentence for translation; it is translated where it is shown."""
    return sentence


class Refusal(Exception):
    """Something that may not be done, for a reason that can be said: `sentence` and `instead` take `facts` as %(name)s."""

    status: ClassVar[int] = 400
    sentence: ClassVar[str] = ""
    instead: ClassVar[str] = ""

    def __init__(self, **facts: object) -> None:
        self.facts = facts
        super().__init__(str(self))

    def __str__(self) -> str:
        return " ".join(part % self.facts for part in (self.sentence, self.instead) if part)


class NotFound(Refusal):
    status = 404


class NotAllowed(Refusal):
    status = 403


class Invalid(Refusal):
    status = 422


class TooMany(Refusal):
    status = 429


class NetworkNotFound(NotFound):
    sentence = _("There is no network “%(slug)s”.")
    instead = _("The front page lists all networks.")


class ThreadNotFound(NotFound):
    sentence = _("There is no such discussion.")
    instead = _("It may have been removed; look for it on the network's page.")


class PostNotFound(NotFound):
    sentence = _("There is no such message.")
    instead = _("It may have been removed; look for it in its discussion.")


class MemberNotFound(NotFound):
    sentence = _("Nobody with the address %(address)s is a member.")
    instead = _("Check the address, or write to the contact person of the network you want to join.")


class AttachmentNotFound(NotFound):
    sentence = _("There is no such file.")
    instead = _("It may have been removed together with its message.")


class PageNotFound(NotFound):
    sentence = _("There is no such page.")
    instead = _("Check the address, or begin at the front page.")


class AddressNotFound(NotFound):
    sentence = _("Nobody gets mail at %(address)s.")
    instead = _("Check the address; the page of each network shows its own.")


class LinkNotValid(NotFound):
    sentence = _("This link is not valid.")
    instead = _("Copy it whole from the mail, or sign in and change the setting on your own page.")


class NotSignedIn(NotAllowed):
    status = 401
    sentence = _("You need to sign in for this.")
    instead = _("Write your e-mail address and we send you a code; there is no password.")


class NotAMember(NotAllowed):
    sentence = _("You are not a member of %(network)s.")
    instead = _("Write to its contact person at %(owner)s and ask to join; then send your message again.")


class NotAContact(NotAllowed):
    sentence = _("In %(network)s only the contact persons can write.")
    instead = _("Send your message to them at %(owner)s.")


class MembersOnly(NotAllowed):
    sentence = _("Only members can read %(network)s.")
    instead = _("Sign in, or write to its contact person at %(owner)s and ask to join.")


class NetworkArchived(NotAllowed):
    sentence = _("%(network)s has been archived and takes no new messages.")
    instead = _("Its discussions can still be read. The front page lists the networks that are active.")


class ThreadLocked(NotAllowed):
    sentence = _("The discussion “%(subject)s” has been closed.")
    instead = _("Start a new discussion in the same network.")


class WrongOrigin(NotAllowed):
    sentence = _("This form was sent from another site.")
    instead = _("Open the page again here and send it once more.")


class BadToken(NotAllowed):
    status = 401
    sentence = _("The API token is missing or not valid.")
    instead = _("Send it as “Authorization: Bearer …”; “parvi token” makes one.")


class MetricsTokenWrong(NotAllowed):
    status = 401
    sentence = _("The token for the figures is missing or not right.")
    instead = _("Send it as “Authorization: Bearer …”; it is the setting PARVI_METRICS_TOKEN.")


class MayNotChange(NotAllowed):
    sentence = _("Only its author and the contact persons of %(network)s can change this message.")
    instead = _("Ask one of them.")


class CoordinatorsOnly(NotAllowed):
    sentence = _("Only coordinators can use this page.")
    instead = _("Ask one of them to look for you.")


class ContactsOnly(NotAllowed):
    sentence = _("Only the contact persons of %(network)s see to whom its messages went.")
    instead = _("How many got this one, and whether you did, is told on its page.")


class EmptyPost(Invalid):
    sentence = _("The message is empty.")
    instead = _("Write something, or attach a file, and send it again.")


class SubjectMissing(Invalid):
    sentence = _("The discussion needs a subject.")
    instead = _("A few words that tell what it is about are enough.")


class TextTooLong(Invalid):
    sentence = _("The message is longer than %(limit)s characters.")
    instead = _("Send the long text as an attachment.")


class UploadTooLarge(Invalid):
    status = 413
    sentence = _("The files are larger than %(megabytes)s megabytes together.")
    instead = _("Make them smaller, or send a link to where they can be found.")


class BadAddress(Invalid):
    sentence = _("“%(address)s” is not an e-mail address.")
    instead = _("An address looks like name@example.org.")


class BadSlug(Invalid):
    sentence = _("“%(slug)s” cannot be a network's short name.")
    instead = _("Use 2 to 28 of the letters a–z, digits and hyphens, beginning with a letter.")


class BadChoice(Invalid):
    sentence = _("“%(given)s” is not one of %(choices)s.")
    instead = _("Choose one of them.")


class NameMissing(Invalid):
    sentence = _("The name is missing.")
    instead = _("Write the name as others should see it.")


class SlugTaken(Invalid):
    sentence = _("There is already a network “%(slug)s”.")
    instead = _("Choose another short name.")


class AnswerUnclear(Invalid):
    sentence = _("Your answer is neither a clear yes nor a clear no.")
    instead = _("Answer with one word: YES if the address is yours, NO if it is not.")


class AbsenceUnclear(Invalid):
    sentence = _("We could not tell from when to when you are away.")
    instead = _(
        "Give the first and the last day, like “away 1.7.–31.7.”; the last one is today or later, and they are at most a year apart."
    )


class NothingAnswered(Invalid):
    sentence = _(
        "Your mail says only “%(word)s”, but it answers no message, so we cannot tell which discussion you mean."
    )
    instead = _("Answer a mail of that discussion with the same word.")


class InvitationAnswered(Invalid):
    sentence = _("Answers to an invitation in a calendar are not published here.")
    instead = _("If you wrote something for the others, send it as a mail of its own.")


class ChoiceUnclear(Invalid):
    sentence = _("Your answer names none of the discussions.")
    instead = _("Answer the question again, with one of its numbers and nothing else.")


class CodeWrong(Invalid):
    sentence = _("The code is wrong or too old.")
    instead = _("Check it, or ask for a new one: a code works once and for 15 minutes.")


class FormIncomplete(Invalid):
    sentence = _("The form could not be read.")
    instead = _("Open the page again and send it once more.")


class FileUnreadable(Invalid):
    sentence = _("%(file)s cannot be used: %(why)s.")
    instead = _("Nothing was changed; correct the file and try again.")


class MailNotTaken(Invalid):
    sentence = _("The mail was not taken: %(why)s.")
    instead = _("Correct it, or try again in a moment.")


class MailMissing(Invalid):
    sentence = _("There is no mail to look at.")
    instead = _("Paste its source, with its headers, or choose a file.")


class TooManyCodes(TooMany):
    sentence = _("Too many codes have been asked for.")
    instead = _("Look for the earlier mail, also among junk mail, or try again in an hour.")


class TooManyTries(TooMany):
    sentence = _("There have been too many tries.")
    instead = _("Wait a while and try again.")


class SaidAgain(TooMany):
    sentence = _("You have written the same to the discussion “%(subject)s” several times today.")
    instead = _("If a machine answers in your name, switch that off; if not, say it in other words or on the web.")


class ToAndFro(TooMany):
    sentence = _("The discussion “%(subject)s” goes to and fro faster than people write.")
    instead = _(
        "If a machine answers in your name, switch that off; if not, send your mail again in ten minutes, or write on the web."
    )


class FilesAway(Refusal):
    status = 503
    sentence = _("Files cannot be kept or read right now.")
    instead = _("The fault is ours; try again in a few minutes.")
