"""What the checkpoints of AVSegFormer and MI-AVS share: sound, query generator, encoder, decoder, neck, mask head."""

from __future__ import annotations

from ann.checkpoints.backbones import WB, vggish_rules, vggish_unused
from ann.checkpoints.keymap import Part, Rule, rule, thirds

ATTENTIONS = r"(head\.query_generator|head\.transformer\.decoder)\.layers\.(\d+)\.(self_attn|cross_attn)"

SHARED: tuple[Rule, ...] = (
    *vggish_rules("vggish.", "audio."),
    rule(rf"audio_proj\.{WB}", r"audio_proj.\1"),
    rule(r"head\.level_embed", "head.level_embed"),
    rule(r"head\.(learnable_query|query_generator\.query)\.weight", r"head.\1.weight"),
    rule(rf"{ATTENTIONS}\.in_proj_weight", *thirds(r"\1.layers.\2.\3.", "weight")),
    rule(rf"{ATTENTIONS}\.in_proj_bias", *thirds(r"\1.layers.\2.\3.", "bias")),
    rule(rf"{ATTENTIONS}\.out_proj\.{WB}", r"\1.layers.\2.\3.out_proj.\4"),
    rule(rf"head\.query_generator\.layers\.(\d+)\.ffn\.0\.{WB}", r"head.query_generator.layers.\1.ffn.linear1.\2"),
    rule(rf"head\.query_generator\.layers\.(\d+)\.ffn\.2\.{WB}", r"head.query_generator.layers.\1.ffn.linear2.\2"),
    rule(rf"head\.query_generator\.layers\.(\d+)\.norm([123])\.{WB}", r"head.query_generator.layers.\1.norm\2.\3"),
    rule(
        rf"head\.transformer\.encoder\.layers\.(\d+)\.self_attn\."
        rf"(sampling_offsets|attention_weights|value_proj|output_proj)\.{WB}",
        r"head.transformer.encoder.layers.\1.self_attn.\2.\3",
    ),
    rule(
        rf"head\.transformer\.(encoder|decoder)\.layers\.(\d+)\.(norm[123]|linear[12])\.{WB}",
        r"head.transformer.\1.layers.\2.\3.\4",
    ),
    rule(rf"head\.in_proj\.(\d)\.([01])\.{WB}", r"head.in_proj.\1.\2.\3"),
    rule(rf"head\.(lateral_conv|out_conv)\.([01])\.{WB}", r"head.\1.\2.\3"),
    rule(rf"head\.mlp\.layers\.([012])\.{WB}", r"head.mlp.layers.\1.\2"),
    rule(rf"head\.fc\.([024])\.{WB}", r"head.fc.\1.\2"),
)
UNUSED = (
    *vggish_unused("vggish."),
    (r"head\.fpn\..*", "feature pyramid of auxiliary masks, never run"),
    (r"head\.attn_fc\..*", "head of auxiliary masks, never run"),
)


def kv_halves(target: str, kind: str) -> tuple[Part, ...]:
    """A packed ``kv_proj`` as k and v."""
    return tuple(Part(f"{target}{n}_proj.{kind}", i, 2) for i, n in enumerate("kv"))
