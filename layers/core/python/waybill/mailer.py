"""Sending by SES, version 2. A message that SES refuses for good is told from one that may be sent later."""

from __future__ import annotations

from email.utils import parseaddr
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from waybill.errors import MailRefused, MailUnavailable

if TYPE_CHECKING:
    from mypy_boto3_sesv2 import SESV2Client

REFUSED: Final = frozenset({"MessageRejected", "MailFromDomainNotVerifiedException", "BadRequestException"})
"""Errors of SendEmail that the same message meets again (SES API v2, "SendEmail", Errors).

Others are the account's (no more for now, or not at all, or its configuration set is gone) and end when somebody has mended them.
"""


class Mailer:
    """`configuration_set` is what SES tells bounces and complaints by, "" for none."""

    def __init__(self, sesv2: SESV2Client, sender: str, configuration_set: str) -> None:
        self._sesv2 = sesv2
        self._from = parseaddr(sender)[1]
        self._more: Any = {"ConfigurationSetName": configuration_set} if configuration_set else {}

    def __call__(self, to: str, message: bytes) -> None:
        """Send a message as it is (RFC 5322) to one address.

        Raises:
            MailRefused: SES never takes it.
            MailUnavailable: SES does not take it now, or did not answer: then nobody knows whether it did.
        """
        try:
            self._sesv2.send_email(
                FromEmailAddress=self._from,
                Destination={"ToAddresses": [to]},
                Content={"Raw": {"Data": message}},
                **self._more,
            )
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code in REFUSED:
                raise MailRefused(code) from error
            raise MailUnavailable(code) from error
        except BotoCoreError as error:
            raise MailUnavailable(type(error).__name__) from error
