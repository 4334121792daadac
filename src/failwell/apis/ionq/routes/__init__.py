"""IonQ's routes: what each operation does with a request that has come through the guards."""
