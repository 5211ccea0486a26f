# Texts of the formats that the OpenAPI document names and JSON Schema does not know, for schemathesis.
import schemathesis
from hypothesis import strategies as st

# A cursor is good for an otherwise equal query alone, and only the server makes one. This is one of an earlier version: 409, like every cursor
# that the server has not given out, where a damaged one is 400. The tests of pages follow real ones.
schemathesis.openapi.format("tidewater-cursor", st.from_regex(r"A[g-v][A-Za-z0-9_-]{2}([A-Za-z0-9_-]{4}){0,20}", fullmatch=True))

# A position of another timeline is 409 at once; one of this timeline is either there already or waited for.
schemathesis.openapi.format("tidewater-position", st.from_regex(r"[0-9a-f]{1,12}:[0-9]{1,9}", fullmatch=True))

# Words without signs: what the signs of the language of searches may stand beside is more than a schema can say.
schemathesis.openapi.format("tidewater-query", st.from_regex(r"[a-z0-9]{1,12}( [a-z0-9]{1,12}){0,3}", fullmatch=True))

# Letters, of which an index may ask for some.
schemathesis.openapi.format("tidewater-prefix", st.from_regex(r"[a-z]{5,12}", fullmatch=True))
