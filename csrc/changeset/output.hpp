// The one place that knows the byte layout of instructions on the way out (changeset-format.md
// sections 3, 5 to 8); reading them is in parse.cpp. Which definitions come where is decided by
// the callers, encode.cpp and writer.cpp.
#pragma once

#include <cstring>
#include <span>
#include <string>
#include <string_view>

#include "changeset/instruction.hpp"

namespace realmsync::changeset {

// A growing byte string that is written without checks after one reserve() per item.
class Output {
  public:
    explicit Output(std::size_t expected = 0) {
        if (expected != 0)
            grow(expected);
    }

    // Room for `size` more bytes.
    void reserve(std::size_t size) {
        if (size > bytes_.size() - used_) [[unlikely]]
            grow(size);
    }
    char* at() { return bytes_.data() + used_; }
    void advance_to(const char* at) { used_ = static_cast<std::size_t>(at - bytes_.data()); }

    std::size_t size() const { return used_; }
    void truncate(std::size_t size) { used_ = size; }
    std::string take(); // empty afterwards

  private:
    [[gnu::noinline]] void grow(std::size_t size);

    std::string bytes_; // all of it is writable, the first used_ bytes are written
    std::size_t used_ = 0;
};

void put_definition(Output& out, StringId id, std::string_view name);

// `link`: the payload's, where there is one. Ids are written as they stand.
void put_instruction(Output& out, const Instruction& instruction, std::span<const PathElement> path,
                     const Link* link);

// Payloads that changesets carry a link for; AddColumn's target is no payload.
inline bool has_link(const Instruction& i) {
    return i.value_type == Type::link && i.op != Op::add_column;
}

} // namespace realmsync::changeset
