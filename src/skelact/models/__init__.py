"""Networks: blocks, embedding, encoder, decoder, heads, named sizes."""
