"""May this customer go on?"""
