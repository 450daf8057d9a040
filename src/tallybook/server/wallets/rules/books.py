"""The postings of a wallet's operations: credits in the wallet's unit, money in its currency.

Each function returns postings that balance by themselves, so that any of them add up.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from tallybook.server.ledger.models import Account, AccountKind, Posting, credits_unit
from tallybook.server.ledger.rules.postings import move
from tallybook.server.wallets.models import Burn, Wallet


@dataclass(frozen=True, slots=True)
class Books:
    """The accounts of one wallet."""

    wallet: Wallet

    def money(self, kind: AccountKind) -> Account:
        return Account(kind, self.wallet.currency, self.wallet.customer_id)

    def credits(self, kind: AccountKind, object_id: str = "") -> Account:
        unit = credits_unit(self.wallet.id)
        return Account(kind, unit, self.wallet.customer_id, object_id)

    def issue(self, grant_id: str, credits: int) -> list[Posting]:
        """Credits come into being."""
        grant = self.credits(AccountKind.GRANT, grant_id)
        return move(credits, debit=grant, credit=self.credits(AccountKind.ISSUED))

    def take(self, burns: Sequence[Burn], into: AccountKind) -> list[Posting]:
        """Credits leave their grants: spent, expired or returned."""
        return [
            posting
            for burn in burns
            for posting in move(
                burn.credits_micros,
                debit=self.credits(into),
                credit=self.credits(AccountKind.GRANT, burn.grant_id),
            )
        ]

    def overdraw(self, credits: int) -> list[Posting]:
        """Credits are spent that are not there."""
        below = self.credits(AccountKind.WALLET_OVERDRAFT)
        return move(credits, debit=self.credits(AccountKind.SPENT), credit=below)

    def repay(self, grant_id: str, credits: int) -> list[Posting]:
        """Credits of a grant fill an overdraft."""
        grant = self.credits(AccountKind.GRANT, grant_id)
        return move(credits, debit=self.credits(AccountKind.WALLET_OVERDRAFT), credit=grant)

    def sell(self, paid: int, *, paid_from: AccountKind) -> list[Posting]:
        """Money becomes credit that we owe."""
        owed = self.money(AccountKind.CUSTOMER_CREDIT)
        return move(paid, debit=self.money(paid_from), credit=owed)

    def give(self, amount: int, *, instead_of: AccountKind) -> list[Posting]:
        """Credit that was free to begin with is given back: its expense is undone."""
        expense = self.money(AccountKind.PROMOTIONAL_EXPENSE)
        return move(amount, debit=self.money(instead_of), credit=expense)

    def use(self, *, face: int, value: int, into: AccountKind) -> list[Posting]:
        """Credit does the work of money: `face` is what it settles, `value` what was paid for it.

        What nobody paid for is promotional expense; what was paid beyond it is breakage.
        """
        difference = face - value
        rest = AccountKind.PROMOTIONAL_EXPENSE if difference > 0 else AccountKind.BREAKAGE
        return [
            Posting(self.money(AccountKind.CUSTOMER_CREDIT), value),
            Posting(self.money(rest), difference),
            Posting(self.money(into), -face),
        ]

    def owe(self, face: int) -> list[Posting]:
        """Credits below zero are revenue that the customer owes."""
        overdraft = self.money(AccountKind.OVERDRAFT)
        return move(face, debit=overdraft, credit=self.money(AccountKind.REVENUE))

    def drop(self, value: int) -> list[Posting]:
        """Paid credit expires."""
        owed = self.money(AccountKind.CUSTOMER_CREDIT)
        return move(value, debit=owed, credit=self.money(AccountKind.BREAKAGE))

    def unsell(self, value: int) -> list[Posting]:
        """Credit becomes money again that is to be paid back."""
        owed = self.money(AccountKind.CUSTOMER_CREDIT)
        return move(value, debit=owed, credit=self.money(AccountKind.UNAPPLIED))
