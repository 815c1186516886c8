"""A cross-encoder of 30,000 weights with a vocabulary of its own, as sentence-transformers and transformers save one.
It has learned nothing: its scores are arbitrary, and different for different pairs."""

from __future__ import annotations

import json
import string
from pathlib import Path

MARKS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
WORDS = ["how", "undo", "the", "last", "commit", "git", "plum", "cake", "word", "text", "query"]
VOCABULARY = [*MARKS, *WORDS, *string.ascii_lowercase, *(f"##{letter}" for letter in string.ascii_lowercase)]
WINDOW = 64
"""Tokens that the model reads."""


def write_cross_encoder(folder: Path, *, labels: int = 1, seed: int = 0, head: bool = True) -> Path:
    """Write it to `folder` and return that. Without a `head` it is an encoder alone."""
    import torch
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import BertConfig, BertForSequenceClassification, BertModel
    from transformers import logging as transformers_logging

    transformers_logging.disable_progress_bar()
    config = BertConfig(
        vocab_size=len(VOCABULARY),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=WINDOW,
        num_labels=labels,
        initializer_range=0.4,  # ten times the usual: else every score of untrained weights is 0.5
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = BertForSequenceClassification(config) if head else BertModel(config)
    model.save_pretrained(folder)
    tokenizer = Tokenizer(models.WordPiece({word: i for i, word in enumerate(VOCABULARY)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", VOCABULARY.index("[CLS]")), ("[SEP]", VOCABULARY.index("[SEP]"))],
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    names = {f"{mark.strip('[]').lower()}_token": mark for mark in MARKS}
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": WINDOW, **names}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    return folder
