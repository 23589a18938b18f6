"""How likely a lead is to advance: trees, calibration, rates of the steps, reasons."""
