// libFuzzer target: any bytes either fail with a position inside the input, or mean the same after
// both encodings. Seeds: the recorded changesets.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "changeset/codec.hpp"

using namespace realmsync;

namespace {

void require(bool condition) {
    if (!condition)
        std::abort();
}

changeset::Changeset parse_again(const std::string& bytes) {
    auto result = changeset::parse_borrowed(bytes);
    require(static_cast<bool>(result));
    return std::move(*result);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string_view bytes{reinterpret_cast<const char*>(data), size};
    auto parsed = changeset::parse_borrowed(bytes);
    if (!parsed) {
        require(parsed.error().kind == ErrorKind::bad_changeset);
        require(parsed.error().offset >= 0);
        require(static_cast<std::size_t>(parsed.error().offset) <= size);
        return 0;
    }
    const std::string interleaved = changeset::encode_interleaved(*parsed);
    const std::string in_front = changeset::encode(*parsed);
    // Minimal forms are no longer, but for a decimal's coefficient whose last byte is full.
    const std::size_t limit = size + parsed->instructions.size();
    require(interleaved.size() <= limit && in_front.size() <= limit);
    require(changeset::encode_interleaved(parse_again(interleaved)) == interleaved);
    changeset::Changeset again = parse_again(in_front);
    require(changeset::encode(again) == in_front);
    require(changeset::encode_interleaved(again) == interleaved);
    require(again.instructions.size() == parsed->instructions.size());
    // Keys and payloads are readable wherever an instruction has them.
    LinkTarget link;
    for (const changeset::Instruction& i : again.instructions)
        if (i.op != changeset::Op::add_table && i.op != changeset::Op::add_column)
            require(again.value(i, link).type == i.value_type && again.key(i).type == i.key_type);
    return 0;
}
