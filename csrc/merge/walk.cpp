#include "merge/walk.hpp"

#include <algorithm>
#include <functional>
#include <numeric>
#include <string_view>

#include "merge/compare.hpp"
#include "merge/rules.hpp"

namespace realmsync::merge {

using changeset::Changeset;
using changeset::Instruction;
using changeset::Op;

namespace {

std::uint64_t mix(std::uint64_t seed, std::uint64_t value) {
    std::uint64_t x = seed ^ (value + 0x9e3779b97f4a7c15u + (seed << 6) + (seed >> 2));
    x ^= x >> 32;
    x *= 0xd6e8feb86659fd93u;
    return x ^ (x >> 32);
}

std::uint64_t hash_bytes(std::string_view bytes) { return std::hash<std::string_view>{}(bytes); }

template <std::size_t n> std::uint64_t hash_bytes(const std::array<std::uint8_t, n>& bytes) {
    return hash_bytes(std::string_view(reinterpret_cast<const char*>(bytes.data()), n));
}

// Hash of what an instruction can conflict over: the class for schema instructions, the object for
// the others. Equal things have equal hashes; the rules themselves compare the things.
std::uint64_t group(const Changeset& changeset, const Instruction& i) {
    const std::uint64_t table = hash_bytes(changeset.strings[i.table]);
    if (is_schema(i.op))
        return mix(table, 1);
    const std::uint64_t object = mix(table, static_cast<std::uint8_t>(i.key_type));
    switch (i.key_type) {
    case Type::integer: return mix(object, static_cast<std::uint64_t>(i.key.integer));
    case Type::string: return mix(object, hash_bytes(changeset.strings[i.key.string]));
    case Type::object_id: return mix(object, hash_bytes(i.key.object_id.bytes));
    case Type::uuid: return mix(object, hash_bytes(i.key.uuid.bytes));
    case Type::global_key: return mix(mix(object, i.key.global.hi), i.key.global.lo);
    default: return object;
    }
}

// Instructions of one changeset that follow each other usually change the same object.
bool obviously_same_group(const Instruction& a, const Instruction& b) {
    if (a.table != b.table || a.key_type != b.key_type || is_schema(a.op) != is_schema(b.op))
        return false;
    switch (a.key_type) {
    case Type::integer: return a.key.integer == b.key.integer;
    case Type::string: return a.key.string == b.key.string;
    case Type::object_id: return a.key.object_id == b.key.object_id;
    case Type::uuid: return a.key.uuid == b.key.uuid;
    case Type::global_key: return a.key.global == b.key.global;
    default: return true;
    }
}

bool is_destructive(const Changeset& changeset) {
    return std::any_of(
        changeset.instructions.begin(), changeset.instructions.end(),
        [](const Instruction& i) { return i.op == Op::erase_table || i.op == Op::erase_column; });
}

struct Slice { // consecutive minor instructions of one group
    std::uint64_t group;
    std::uint32_t first, count;
};

class Walk {
  public:
    Walk(std::span<Local> window, std::span<Incoming> run) : window_(window), run_(run) {
        index_minors();
    }

    std::optional<Error> run() {
        for (Local& local : window_)
            if (auto error = walk_changeset(local))
                return error;
        std::size_t position = 0;
        for (Incoming& incoming : run_)
            remove(*incoming.changeset, [&] { return minor_gone_[position++] != 0; });
        return std::nullopt;
    }

  private:
    void index_minors() {
        everything_ = std::any_of(run_.begin(), run_.end(),
                                  [](const Incoming& i) { return is_destructive(*i.changeset); }) ||
                      std::any_of(window_.begin(), window_.end(), [](const Local& l) {
                          return is_destructive(*l.entry.changeset);
                      });
        for (Incoming& incoming : run_) {
            const Instruction* previous = nullptr;
            for (Instruction& i : incoming.changeset->instructions) {
                const auto position = static_cast<std::uint32_t>(minors_.size());
                minors_.push_back({&incoming, &i});
                if (everything_)
                    continue;
                if (previous && obviously_same_group(*previous, i))
                    ++slices_.back().count;
                else
                    slices_.push_back({group(*incoming.changeset, i), position, 1});
                previous = &i;
            }
        }
        minor_gone_.assign(minors_.size(), 0);
        if (everything_)
            slices_.push_back({0, 0, static_cast<std::uint32_t>(minors_.size())});
        std::stable_sort(slices_.begin(), slices_.end(),
                         [](const Slice& a, const Slice& b) { return a.group < b.group; });
    }

    std::span<const Slice> find(const Changeset& changeset, const Instruction& i) const {
        if (everything_)
            return slices_;
        const std::uint64_t wanted = group(changeset, i);
        const auto begin =
            std::lower_bound(slices_.begin(), slices_.end(), wanted,
                             [](const Slice& s, std::uint64_t g) { return s.group < g; });
        auto end = begin;
        while (end != slices_.end() && end->group == wanted)
            ++end;
        return {begin, end};
    }

    std::optional<Error> walk_changeset(Local& local) {
        Changeset& changeset = *local.entry.changeset;
        std::vector<char> gone(changeset.instructions.size(), 0);
        bool any_gone = false;
        const Instruction* previous = nullptr;
        std::span<const Slice> slices;
        for (std::size_t n = 0; n < changeset.instructions.size(); ++n) {
            Instruction& i = changeset.instructions[n];
            if (!previous || !obviously_same_group(*previous, i))
                slices = find(changeset, i);
            previous = &i;
            Operand major{changeset, i, local.entry.origin};
            if (auto error = row(major, slices))
                return error;
            local.dirty |= major.changed || major.discarded;
            gone[n] = major.discarded;
            any_gone |= major.discarded;
        }
        std::size_t n = 0;
        if (any_gone)
            remove(changeset, [&] { return gone[n++] != 0; });
        return std::nullopt;
    }

    std::optional<Error> row(Operand& major, std::span<const Slice> slices) {
        for (const Slice& slice : slices)
            for (std::uint32_t p = slice.first; p != slice.first + slice.count; ++p) {
                if (minor_gone_[p])
                    continue;
                Operand minor{*minors_[p].incoming->changeset, *minors_[p].instruction,
                              minors_[p].incoming->origin};
                if (auto error = merge_cell(major, minor))
                    return error;
                minor_gone_[p] = minor.discarded;
                if (major.discarded)
                    return std::nullopt;
            }
        return std::nullopt;
    }

    // Calls `gone` once per instruction, in order.
    template <class Gone> static void remove(Changeset& changeset, Gone gone) {
        auto& list = changeset.instructions;
        auto kept = list.begin();
        for (const Instruction& i : list)
            if (!gone())
                *kept++ = i;
        list.erase(kept, list.end());
    }

    struct Minor {
        Incoming* incoming;
        Instruction* instruction;
    };

    std::span<Local> window_;
    std::span<Incoming> run_;
    std::vector<Minor> minors_;
    std::vector<char> minor_gone_;
    std::vector<Slice> slices_; // by group, then position
    bool everything_ = false;   // classes or properties are erased: all pairs meet
};

} // namespace

std::optional<Error> walk(std::span<Local> window, std::span<Incoming> run) {
    return Walk(window, run).run();
}

} // namespace realmsync::merge
