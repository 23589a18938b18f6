"""Azure Personalizer's addresses, so that its clients go on working."""
