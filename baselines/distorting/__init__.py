"""DeepAugment: images through a trained image-to-image network whose weights and states are disturbed.

Imports benchmark only.
"""
