"""Written by tools/stubs.py."""

from probvae.testing.case import Case as Case
from probvae.testing.checking import Check as Check
from probvae.testing.checking import Violation as Violation
from probvae.testing.checks import iter_checks as iter_checks
from probvae.testing.parametrize import contract as contract
from probvae.testing.report import Report as Report
from probvae.testing.report import Result as Result
from probvae.testing.runner import check as check
from probvae.testing.runner import replay as replay
from probvae.testing.subject import CHECKED_KINDS as CHECKED_KINDS
from probvae.testing.subject import Refused as Refused
from probvae.testing.subject import Subject as Subject
