"""Tables that ship with the package: classes, class sets, known sets, published figures."""
