"""The resources, the transport and the pages, written once; `_sync` is made from this."""
