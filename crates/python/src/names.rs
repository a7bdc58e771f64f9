//! Floor 0: interned strings, so that no attribute is looked up through a C string.

use crate::ffi::names;

names! {
    CALL_EXCEPTION_HANDLER = "call_exception_handler",
    CALL_SOON = "call_soon",
    CONTEXT = "context",
    DUNDER_REPR = "__repr__",
    EXTRACT_STACK = "extract_stack",
    REPR_INFO = "_repr_info",
}
