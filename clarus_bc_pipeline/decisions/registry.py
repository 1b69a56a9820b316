"""The registry that names every type of finding once: whose it is, what it means, what it blocks, what to do.

The ledger, the asset checks, the command line and the handbook all read it, so they cannot disagree.
What does not belong here: deciding when a finding opens (a flow's `rules.py`).
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass


class Owner(enum.StrEnum):
    """Who can mend it."""

    WAREHOUSE = "warehouse"
    ECOMMERCE = "ecommerce"
    CX = "cx"
    FINANCE = "finance"
    INTEGRATION = "integration"


class Severity(enum.StrEnum):
    """WARN: a row that a person must mend. ERROR: a promise is broken, or nothing moves until it is mended."""

    WARN = "WARN"
    ERROR = "ERROR"


class System(enum.StrEnum):
    """Which system to open first."""

    BIGCOMMERCE = "BigCommerce"
    CLARUS = "Clarus"
    PIPELINE = "the pipeline's settings"
    CARRIER = "the carrier's site"


@dataclass(frozen=True, slots=True)
class FindingType:
    """What every finding of one type has in common, in words for a person who has never seen the code."""

    code: str
    owner: Owner
    severity: Severity
    title: str
    meaning: str
    blocks: str
    next_step: str
    system: System


_WH, _EC, _IN = Owner.WAREHOUSE, Owner.ECOMMERCE, Owner.INTEGRATION
_CX, _FI = Owner.CX, Owner.FINANCE
_WARN, _ERROR = Severity.WARN, Severity.ERROR
_BC, _CL, _PL = System.BIGCOMMERCE, System.CLARUS, System.PIPELINE
_T = FindingType

# code, owner, severity, title, what it means, what it blocks, next step, which system to open
# fmt: off
_ORDERS = (
    _T("unknown_sku", _EC, _ERROR, "SKU not in Clarus",
       "A paid order holds a SKU that Clarus does not know.",
       "The whole order waits; no line is dropped.",
       "Add the product in Clarus, or map the SKU in the store's settings. The order goes by itself after "
       "that.", _CL),
    _T("blank_sku", _EC, _ERROR, "Order line without a SKU",
       "A physical order line has no SKU, so the warehouse cannot know what to pick.",
       "The whole order waits.",
       "Give the product a SKU in BigCommerce and map this line, or cancel and re-enter the order.", _BC),
    _T("sku_not_in_shop", _EC, _WARN, "Clarus product that the shop does not have",
       "Clarus holds a product code that no SKU of the shop becomes.",
       "Its stock cannot be shown or sold.",
       "Add the SKU in BigCommerce if it is for sale, or mark the product obsolete in Clarus.", _BC),
    _T("sku_too_long", _EC, _WARN, "SKU too long for Clarus",
       "Clarus product codes hold 50 characters.",
       "Orders with this SKU wait.",
       "Shorten the SKU in BigCommerce, or map it to a shorter Clarus code in the settings.", _BC),
    _T("sku_bad_characters", _EC, _WARN, "SKU with characters that get lost",
       "The SKU has outer spaces, control characters or look-alike letters that Clarus or a spreadsheet will"
       " change.",
       "The SKU may not match between the systems.",
       "Correct the SKU in BigCommerce, or add a transform rule in the settings.", _BC),
    _T("sku_case_clash", _EC, _WARN, "SKUs that differ only by case",
       "Two SKUs are the same but for upper and lower case; people and scanners will mix them up.",
       "Nothing yet: each is matched exactly.",
       "Rename one of the two.", _BC),
    _T("sku_leading_zeros", _EC, _WARN, "SKU that lost its leading zeros",
       "One system has the SKU with leading zeros, the other without.",
       "Orders with this SKU wait.",
       "Correct the SKU that lost its zeros (usually through a spreadsheet), or set a zero-pad rule.", _CL),
    _T("sku_damaged_by_spreadsheet", _EC, _WARN, "SKU damaged by a spreadsheet",
       "The SKU reads like a number or date that a spreadsheet made (1.23E+12, 01-Mar).",
       "The SKU cannot be matched.",
       "Type the true SKU again in the system that shows the damaged one.", _BC),
    _T("sku_rules_refused", _IN, _ERROR, "SKU rules that make one product of several",
       "The SKU rules in the settings give several SKUs one Clarus code, or leave nothing of a SKU.",
       "Orders with a SKU that the rules change wait; SKUs that they leave alone go.",
       "Change the rules so that every SKU keeps a code of its own; try them first: clarus-bc audit --preview FILE.",
       _PL),
    _T("sku_duplicate", _EC, _WARN, "One SKU on several products",
       "Several products of one system carry the same SKU.",
       "Nobody can tell which is meant: a wrong product may be packed, and stock shows on both.",
       "Give each product a SKU of its own.", _BC),
    _T("barcode_mismatch", _WH, _WARN, "Barcodes that differ",
       "A product has one barcode in BigCommerce and another in Clarus.",
       "A scan at the packing desk may find the wrong product.",
       "Scan the product and correct the wrong barcode.", _CL),
    _T("barcode_invalid", _EC, _WARN, "Barcode that cannot be one",
       "A barcode has the wrong length or check digit for a GTIN.",
       "It cannot be scanned, nor used by marketplaces.",
       "Scan the product, or read the barcode off the supplier's sheet, and enter it as text.", _BC),
    _T("barcode_duplicate", _WH, _WARN, "One barcode on several products",
       "Several SKUs of one system carry the same barcode.",
       "A scan finds only one of them.",
       "Scan the products and correct the wrong barcode.", _CL),
    _T("bad_address", _EC, _ERROR, "Address the carrier will refuse",
       "A delivery address lacks a field, or its postcode is not one.",
       "The whole order waits.",
       "Correct the address on the order in BigCommerce (ask the customer). It goes by itself after that.", _BC),
    _T("field_too_long", _EC, _ERROR, "Value too long for Clarus",
       "A value is longer than the Clarus field it maps to, and is never cut.",
       "The whole order waits.",
       "Shorten the value on the order in BigCommerce, or map it to a longer field in the settings.", _BC),
    _T("nothing_to_release", _EC, _WARN, "Paid order with nothing to pack",
       "The order is paid and has no physical line with a quantity.",
       "Nothing: it needs no warehouse.",
       "Check that the order is meant to be digital only; if so, complete it in BigCommerce.", _BC),
    _T("zero_quantity_line", _EC, _WARN, "Order line of quantity zero",
       "A line was set to zero instead of being removed; it is not sent to the warehouse.",
       "Nothing: other lines go.",
       "Nothing to do, unless the line was set to zero by mistake.", _BC),
    _T("order_changed_after_release", _WH, _ERROR, "Order changed after it went to the warehouse",
       "An address or line was changed in BigCommerce after Clarus took the order over; Clarus keeps the old"
       " one.",
       "The parcel may go to the old address or hold the old lines.",
       "Compare the two, and amend the sales order by hand in Clarus, or change it back in BigCommerce.", _CL),
    _T("manual_cancel_needed", _WH, _ERROR, "Cancelled in the shop, too late to cancel in Clarus",
       "The order was cancelled in BigCommerce and Clarus would not cancel it.",
       "The parcel may go out unpaid.",
       "Stop the parcel at the packing desk, or tell CX that it is gone.", _CL),
    _T("cancelled_in_clarus", _EC, _ERROR, "Cancelled or deleted in Clarus only",
       "The warehouse order was cancelled or deleted by hand; BigCommerce still promises it.",
       "The customer waits for goods that nobody will pack.",
       "Cancel and refund the order in BigCommerce, or enter it there anew for the warehouse to send.", _BC),
    _T("reference_taken", _IN, _ERROR, "Reference already used in Clarus for other content",
       "Clarus has an order of the same reference whose lines differ from the shop's.",
       "The whole order waits.",
       "See who created the Clarus order; delete it there, or cancel the shop's.", _CL),
    _T("order_deleted", _EC, _ERROR, "Order deleted or archived in BigCommerce",
       "The order is gone from BigCommerce while the warehouse holds it.",
       "Its despatch cannot be shown to the customer.",
       "Restore the order in BigCommerce, or cancel it in Clarus.", _BC),
    _T("short_decision_needed", _EC, _ERROR, "Line shorted by the warehouse",
       "Clarus closed a line short: those units will not be sent.",
       "The customer waits for units that never come.",
       "Refund or re-order the missing units, and tell the customer.", _BC),
    _T("unmapped_instruction", _EC, _WARN, "Customer's note that no mapping takes",
       "The order carries a note or field that no setting sends to the warehouse.",
       "The packer does not see it.",
       "Map the field in [stores.<key>.orders.notes], or ignore it there.", _PL),
)

_DESPATCH = (
    _T("despatch_without_tracking", _WH, _WARN, "Despatched without a tracking number",
       "Clarus says despatched and shows no tracking number.",
       "The customer cannot follow the parcel.",
       "Enter the tracking number on the shipment in Clarus; it reaches BigCommerce by itself.", _CL),
    _T("tracking_invalid", _WH, _WARN, "Tracking number of the wrong format",
       "The number does not have the carrier's published format or check digit.",
       "The tracking link will not work.",
       "Correct the number on the shipment in Clarus; the change reaches BigCommerce by itself.", _CL),
    _T("tracking_multiple", _WH, _WARN, "Two tracking numbers in one field",
       "One package carries more than one number, which makes one broken link.",
       "The tracking link will not work.",
       "Give each package its own tracking number in Clarus.", _CL),
    _T("tracking_reused", _WH, _WARN, "Tracking number on two parcels",
       "The same tracking number stands on parcels of two orders.",
       "One customer follows another's parcel.",
       "Correct the number on the wrong shipment in Clarus.", _CL),
    _T("unmapped_carrier", _IN, _WARN, "Carrier that the settings do not know",
       "Clarus names a carrier that is not mapped to BigCommerce.",
       "The shipment goes without a tracking link.",
       "Map the carrier code in [stores.<key>.despatch.carriers].", _PL),
    _T("ambiguous_line", _IN, _ERROR, "Despatched line that fits two order lines",
       "A despatched line has no line reference and its SKU is on more than one order line.",
       "That line is not announced.",
       "Set the line reference on the Clarus line, or ship it by hand in BigCommerce.", _CL),
    _T("unknown_line", _IN, _ERROR, "Despatched line that the order does not have",
       "Clarus despatched a product that is not on the shop's order.",
       "That line is not announced.",
       "Check for a mispick or a line added by hand in Clarus.", _CL),
    _T("fractional_quantity", _WH, _ERROR, "Despatched quantity that is not whole",
       "Clarus despatched a fraction of a unit; BigCommerce counts whole units.",
       "That line is not announced.",
       "Correct the unit of measure of the product in Clarus.", _CL),
    _T("voided_despatch", _WH, _ERROR, "Despatch undone after it was announced",
       "Clarus took back a despatch, or cancelled its label, after the customer was told.",
       "The customer expects a parcel that has not left.",
       "Tell CX; delete the shipment in BigCommerce if the parcel will not go.", _CL),
    _T("over_despatched", _WH, _ERROR, "More despatched than ordered",
       "Clarus despatched more units than the order still has to ship.",
       "The surplus is not announced.",
       "Check for a mispick; ask for the surplus back or charge it.", _CL),
    _T("parcel_without_units", _WH, _WARN, "More parcels than units",
       "A despatch has more parcels than units, and a shipment in BigCommerce needs a unit.",
       "The other numbers stand in the first shipment's comment only.",
       "Nothing to do; CX may pass the numbers on.", _CL),
)

_GAP = (
    _T("despatched_not_shipped", _IN, _ERROR, "Despatched in Clarus, not shipped in BigCommerce",
       "The warehouse has despatched these units and the shop does not show it: the despatch gap.",
       "The customer asks where the parcel is.",
       "See the push on this order (clarus-bc order NUMBER): retry it or mend what it names.", _BC),
    _T("shipped_not_despatched", _WH, _ERROR, "Shipped in BigCommerce, not despatched in Clarus",
       "Somebody marked these units as shipped in the shop; Clarus has not despatched them.",
       "The customer expects a parcel that has not left.",
       "Find out who marked it; despatch it in Clarus or delete the shipment in BigCommerce.", _BC),
    _T("quantity_mismatch", _IN, _ERROR, "Quantities differ between despatch and shipment",
       "Both systems show the line as sent, with different quantities.",
       "Finance and the customer see different numbers.",
       "Compare the goods-out with the shipments and correct the wrong one.", _BC),
    _T("tracking_mismatch", _IN, _WARN, "Tracking numbers differ",
       "The shipment in BigCommerce carries another tracking number than the parcel in Clarus.",
       "The customer follows the wrong parcel.",
       "It is corrected by the next push; look if it repeats.", _BC),
    _T("missing_tracking_link", _IN, _WARN, "Shipment without a clickable link",
       "BigCommerce shows the tracking number as plain text.",
       "The customer cannot click.",
       "Map the carrier to a BigCommerce carrier or give a link template in the settings.", _PL),
)

_STOCK = (
    _T("oversold", _EC, _ERROR, "Sold beyond the stock",
       "Paid orders ask for more units than Clarus can still give.",
       "The orders that are named cannot be sent whole.",
       "Buy or find stock, or agree with the customers: wait, part delivery, or refund. Then raise the SKU's buffer.",
       _BC),
    _T("stock_snapshot_refused", _IN, _ERROR, "Stock reading not believed",
       "A whole reading of Clarus's stock is empty or much smaller than the last one, as a feed that was cut short is.",
       "The shop keeps the levels it has; sales go on against old stock.",
       "Look at the stock balances in Clarus. If so much is really gone, raise stock.largest_drop_share for one sweep.",
       _CL),
    _T("stock_drop_doubted", _WH, _WARN, "Sudden drop of a product's stock",
       "A product lost most of its units between two readings, and no transaction says why.",
       "The shop keeps the old level until a second reading some minutes later says the same.",
       "Look at the product's stock in Clarus; if the drop is wrong, correct it there.", _CL),
    _T("stock_arithmetic_broken", _WH, _WARN, "Stock numbers that cannot be true",
       "A product's balance in Clarus is negative or a fraction, or its parts do not add up.",
       "Only whole units that are there are offered.",
       "Count the product and correct its stock in Clarus.", _CL),
    _T("stock_level_refused", _EC, _WARN, "Stock level that the shop refuses",
       "BigCommerce does not take a stock level for this SKU; often its stock is not tracked, or tracked by product.",
       "The shop's own number stands, and may oversell.",
       "Set the product's inventory tracking to the level of the variant in BigCommerce; it is tried again by itself.",
       _BC),
    _T("stock_drift", _EC, _WARN, "Stock level that keeps being changed",
       "Somebody or something else sets this SKU's stock in BigCommerce again and again.",
       "We set it right each time; in between the shop may oversell.",
       "Find the other app or person that edits stock in BigCommerce, and stop it for this store.", _BC),
    _T("location_unusable", _EC, _ERROR, "Location that cannot take stock",
       "A location of the mapping is disabled in BigCommerce or does not exist.",
       "Its stock is not shown.",
       "Enable the location in BigCommerce, or correct stock.locations in the settings.", _BC),
    _T("warehouse_unmapped", _IN, _WARN, "Warehouse that no location shows",
       "Clarus holds stock of this account in a warehouse that the settings do not map.",
       "That stock is not offered.",
       "Map the warehouse to a location in stock.locations, if it may be sold.", _PL),
    _T("available_setting_differs", _IN, _ERROR, "Setting that Clarus's numbers speak against",
       "The setting says whether Clarus's available stock is already without what is allocated; readings around "
       "allocations say otherwise.",
       "The shop offers units that are set aside for orders, or fewer than there are.",
       "See the evidence (clarus-bc audit), then change stock.available_excludes_allocated in the settings.", _PL),
    _T("stopped_on_sale", _EC, _WARN, "Stopped or obsolete product still on sale",
       "Clarus holds the product as stopped or obsolete, and the shop still shows it.",
       "Orders for a stopped product cannot be picked.",
       "Take the product off sale in BigCommerce, or lift the stop in Clarus.", _BC),
)

_RETURNS = (
    _T("rma_unreadable", _CX, _ERROR, "Return that cannot be read",
       "The RMA on the order in BigCommerce is not JSON of the published shape.",
       "The warehouse is not told, and nothing is refunded.",
       "Open the RMA anew (clarus-bc rma open), or ask the app that wrote it.", _BC),
    _T("rma_refused", _CX, _ERROR, "Return that cannot be right",
       "The RMA asks for more units than were shipped, for a line of another order, or for units of another RMA.",
       "The warehouse is not told, and nothing is refunded.",
       "Compare the RMA with the order and open a right one (clarus-bc rma open).", _BC),
    _T("rma_changed", _CX, _WARN, "Return changed after the warehouse was told",
       "The RMA's lines were changed in BigCommerce after its receipt was announced to Clarus.",
       "The lines that were announced stand.",
       "Close the RMA and open another for what is different.", _BC),
    _T("return_unknown", _WH, _WARN, "Parcel back without an RMA",
       "Clarus received a return whose reference is no RMA of ours.",
       "Nobody is refunded.",
       "Find the order by the parcel's papers and ask CX for an RMA; put its number on the receipt in Clarus.", _CL),
    _T("return_wrong_item", _WH, _ERROR, "Returned product that is not on the RMA",
       "The receipt holds a product that the RMA does not name.",
       "It is not refunded; the rest of the RMA goes on.",
       "Check the parcel; tell CX what came back.", _CL),
    _T("return_over_received", _WH, _WARN, "More came back than was authorised",
       "More units were received than the RMA allows.",
       "The surplus is not refunded.",
       "Count again; ask CX for an RMA of the surplus.", _CL),
    _T("return_missing_units", _CX, _WARN, "Fewer came back than was authorised",
       "The receipt is complete and units of the RMA are missing.",
       "The missing units are not refunded.",
       "Ask the customer; a later parcel needs an RMA of its own.", _CL),
    _T("return_unit_differs", _WH, _ERROR, "Receipt counted in another unit",
       "The receipt's line counts cases and not single units, or a fraction of a unit.",
       "Nothing of this RMA is refunded.",
       "Correct the line in Clarus to single units.", _CL),
    _T("inspection_unreadable", _WH, _ERROR, "Inspection that cannot be read",
       "The grade of a returned unit is none that the settings know, or more units are graded than were received.",
       "Nothing of this RMA is refunded.",
       "Correct the grade on the receipt in Clarus, or map the word in returns.grades.", _CL),
    _T("inspection_overdue", _WH, _WARN, "Return waits for inspection",
       "The parcel is back and nobody has inspected it in the agreed time.",
       "The customer waits for the refund, and the law's 14 days run.",
       "Inspect the return and grade it in Clarus.", _CL),
    _T("return_not_sellable", _WH, _WARN, "Returned units that failed inspection",
       "Units came back damaged and are neither refunded nor for sale.",
       "The customer is not refunded for them.",
       "Tell CX and the customer; decide what becomes of the goods.", _CL),
    _T("refund_due", _FI, _WARN, "Refund due soon",
       "A return was received days ago and has not been refunded.",
       "The law gives 14 days from receipt.",
       "See what holds it: clarus-bc rma show NUMBER.", _BC),
    _T("refund_overdue", _FI, _ERROR, "Refund at or past the legal limit",
       "A return was received nearly 14 days ago and has not been refunded.",
       "The law's 14 days run out.",
       "Refund it today: clarus-bc rma show NUMBER says what holds it.", _BC),
    _T("refund_without_receipt", _FI, _ERROR, "Refund without goods",
       "Money was paid back for units that the warehouse has not received back.",
       "Stock and books disagree.",
       "Find out who refunded and why; chase the parcel or write the goods off.", _BC),
    _T("refund_by_hand", _FI, _WARN, "Refund made in BigCommerce",
       "Somebody refunded this order in BigCommerce and not by an RMA.",
       "The RMA's own refund is not sent, so that nothing is paid twice.",
       "Check that it is for the same units; then close the RMA (clarus-bc rma close).", _BC),
    _T("refund_differs", _FI, _ERROR, "Refund of another amount than approved",
       "BigCommerce refunded another amount than was approved for the RMA, or quotes more than may be refunded.",
       "The difference is open.",
       "Compare the refund with the RMA and correct it in BigCommerce.", _BC),
    _T("refund_declined", _FI, _ERROR, "Refund declined by the payment provider",
       "BigCommerce holds the refund, and the gateway did not pay it.",
       "The customer has no money.",
       "Pay it by another way in BigCommerce or the gateway, and tell the customer.", _BC),
    _T("refund_not_possible", _FI, _ERROR, "Refund that cannot be made",
       "Less is left of the order's payment than is due, the payment is not captured, or no way of paying is offered.",
       "The refund is not sent.",
       "See the order's payments in BigCommerce and refund by hand what is due.", _BC),
    _T("return_not_on_sale", _WH, _WARN, "Sellable return that is not on sale",
       "Units passed inspection and the stock that Clarus gives does not hold them.",
       "They cannot be sold.",
       "Release or put away the units in Clarus.", _CL),
    _T("restocked_twice", _EC, _WARN, "Shop puts refunded units back by itself",
       "BigCommerce is set to add refunded units to its stock; the warehouse's stock holds them too.",
       "Until the next sync the shop may show them twice.",
       "Turn off stock adjustment on refunds in BigCommerce's inventory settings.", _BC),
)

_FINANCE = (
    _T("paid_not_despatched", _WH, _WARN, "Paid and not despatched",
       "The order is paid and units have not left the warehouse in the agreed time.",
       "Income stays deferred, and the customer waits.",
       "See where the order stands: clarus-bc order NUMBER.", _CL),
    _T("despatched_not_paid", _FI, _ERROR, "Despatched and not paid",
       "Goods have left, and less was captured than they come to.",
       "Revenue without money.",
       "Capture the payment or ask the customer; see the order's transactions in BigCommerce.", _BC),
    _T("duplicate_capture", _FI, _ERROR, "Captured more than the order",
       "More was captured than the order comes to.",
       "The surplus is the customer's.",
       "Compare the order's transactions with the gateway, and pay the surplus back.", _BC),
    _T("partial_capture", _FI, _WARN, "Captured less than the order",
       "A part of the order's amount was captured.",
       "Only what was captured can be refunded.",
       "Capture the rest, or explain it.", _BC),
    _T("refunded_without_money", _FI, _ERROR, "Refunded status without a refund",
       "The order has the status Refunded, and no refund of that amount exists.",
       "The books show no refund.",
       "Find the refund at the gateway, or correct the status in BigCommerce.", _BC),
    _T("gateway_refund_not_in_shop", _FI, _ERROR, "Gateway refund that the shop does not show",
       "The payments show money paid back that no refund in BigCommerce accounts for.",
       "Payout and books differ.",
       "Record the refund in BigCommerce, or query it with the gateway.", _BC),
    _T("currency_differs", _FI, _ERROR, "Payment in another currency",
       "A payment or refund is in another currency than its order.",
       "It is left out of the totals and listed by itself.",
       "See the order's transactions in BigCommerce.", _BC),
    _T("amounts_do_not_add_up", _FI, _ERROR, "Order whose parts do not add up",
       "The order's lines and charges do not come to its total, or an amount has more decimals than its currency.",
       "The difference is shown in the control totals.",
       "See whether the order was edited in BigCommerce.", _BC),
    _T("price_changed_after_despatch", _FI, _WARN, "Price changed after despatch",
       "A line's price was edited in BigCommerce after its units left.",
       "The difference is posted, in the next open period where the first is closed.",
       "Check who edited the order, and why.", _BC),
    _T("oversell_cancelled", _FI, _WARN, "Cancelled for lack of stock",
       "A paid order was cancelled or cut short because the stock was not there.",
       "Its income is reversed.",
       "Check that the customer was refunded.", _BC),
    _T("control_total_differs", _FI, _ERROR, "Control totals do not tie",
       "The period's books and the facts behind them differ by an amount that no listed item explains.",
       "The pack cannot be signed off.",
       "Ask the integration team: this is a fault of the pipeline.", _PL),
)

_PIPELINE = (
    _T("push_parked", _IN, _ERROR, "Refused for good",
       "The other system refused this write and would refuse it again.",
       "This order or parcel stands still.",
       "Read the reason, mend the cause, then: clarus-bc pushes retry ID.", _BC),
    _T("push_failing", _IN, _ERROR, "Delivery keeps failing",
       "This write has failed several times and is tried again by itself.",
       "This order or parcel is late.",
       "Check that the other system is up and the credentials are valid.", _BC),
    _T("sla_missed", _IN, _ERROR, "Delivery later than agreed",
       "The despatch has not reached the shop within the agreed time.",
       "The customer asks where the parcel is.",
       "See the push's attempts: clarus-bc order NUMBER.", _BC),
    _T("write_unknown", _IN, _ERROR, "Write whose outcome nobody knows",
       "The write may have been applied, and reading back could not settle it.",
       "This order or parcel stands still.",
       "Look in the other system, then: clarus-bc pushes retry ID or park ID.", _BC),
    _T("unreadable_record", _IN, _ERROR, "Record that cannot be read",
       "A record breaks the vendor's own specification (a null, an unknown shape).",
       "This record is not processed.",
       "Report it to the vendor with the field that is named; the rest goes on.", _BC),
    _T("unmapped_value", _IN, _WARN, "Value that the pipeline does not know",
       "A status or code is not in the vendor's documented list.",
       "This record waits.",
       "Map the value in the settings or report it.", _PL),
    _T("auth_failed", _IN, _ERROR, "Credentials or scope refused",
       "The vendor does not accept our credentials, or they lack a scope.",
       "Nothing moves for this store.",
       "Renew the token or add the scope that the message names, then restart.", _PL),
    _T("out_of_reach", _IN, _ERROR, "System out of reach",
       "The vendor's API cannot be reached or keeps failing.",
       "Nothing moves for this store until it answers.",
       "Check the vendor's status page and the network.", _PL),
    _T("clock_skew", _IN, _WARN, "Clocks differ",
       "The vendor's clock and ours differ by more than a minute.",
       "Changes may be read late.",
       "Synchronise this machine's clock (NTP).", _PL),
)
# fmt: on

REGISTRY: Mapping[str, FindingType] = {
    t.code: t for t in (*_ORDERS, *_DESPATCH, *_GAP, *_STOCK, *_RETURNS, *_FINANCE, *_PIPELINE)
}
