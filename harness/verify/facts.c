/* facts.c -- verdicts that rest on counting: which of them is counted again.
 */
#include "harness/verify/claim.h"

bool ord_verify_facts(struct verify *v, bool *is_known)
{
    (void)v;
    *is_known = false;
    return true;
}
