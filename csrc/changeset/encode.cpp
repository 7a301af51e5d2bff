// Parsed or merged changesets back to bytes (changeset-format.md section 10). The layout of single
// instructions is in output.cpp.
#include "changeset/codec.hpp"

#include "changeset/output.hpp"

namespace realmsync::changeset {

namespace {

// Exact for what was parsed; what a merge added is a little more.
std::size_t expected_size(const Changeset& changeset) {
    return 64 +
           (changeset.encoded_size ? changeset.encoded_size : changeset.instructions.size() * 24);
}

const Link* link_of(const Changeset& changeset, const Instruction& i) {
    return has_link(i) ? &changeset.links[i.value.link] : nullptr;
}

// Gives names the ids of their first use and writes their definitions.
class Renumbering {
  public:
    Renumbering(const Changeset& changeset, Output& out)
        : changeset_(changeset), out_(out), ids_(changeset.strings.size(), kUndefined) {}

    // In the order of section 10 rule 2. The names of an absent part have no meaning: they are
    // zero, which is a name that may not be defined for their sake.
    void write(const Instruction& source) {
        Instruction i = source;
        std::span<const PathElement> path = changeset_.path(source);
        Link link;
        const Link* link_of_i = nullptr;
        map(i.table);
        switch (i.op) {
        case Op::erase_table: break;
        case Op::add_table:
            if (i.table_kind != TableKind::embedded)
                map(i.field);
            break;
        case Op::erase_column: map(i.field); break;
        case Op::add_column:
            map(i.field);
            if (i.value_type == Type::link)
                map(i.value.target);
            break;
        case Op::create_object:
        case Op::erase_object: map(i.key_type, i.key); break;
        default:
            map(i.key_type, i.key);
            map(i.field);
            if (!path.empty())
                path = map(path);
            if (has_link(i)) {
                link = changeset_.links[i.value.link];
                map(link.table);
                map(link.key_type, link.key);
                link_of_i = &link;
            }
        }
        put_instruction(out_, i, path, link_of_i);
    }

  private:
    static constexpr StringId kUndefined = 0xffff'ffff;

    void map(StringId& id) {
        StringId& mapped = ids_[id];
        if (mapped == kUndefined) [[unlikely]] {
            mapped = next_++;
            put_definition(out_, mapped, changeset_.strings[id]);
        }
        id = mapped;
    }
    void map(Type type, KeyData& key) {
        if (type == Type::string)
            map(key.string);
    }
    std::span<const PathElement> map(std::span<const PathElement> path) {
        path_.assign(path.begin(), path.end());
        for (PathElement& step : path_)
            if (step.is_string)
                map(step.value);
        return path_;
    }

    const Changeset& changeset_;
    Output& out_;
    std::vector<StringId> ids_;
    StringId next_ = 0;
    std::vector<PathElement> path_; // of the instruction being written
};

} // namespace

std::string encode(const Changeset& changeset) {
    if (changeset.instructions.empty())
        return {};
    Output out(expected_size(changeset));
    for (StringId id = 0; id < changeset.strings.size(); ++id)
        put_definition(out, id, changeset.strings[id]);
    for (const Instruction& i : changeset.instructions)
        put_instruction(out, i, changeset.path(i), link_of(changeset, i));
    return out.take();
}

std::string encode_interleaved(const Changeset& changeset) {
    if (changeset.instructions.empty())
        return {};
    Output out(expected_size(changeset));
    Renumbering renumbering(changeset, out);
    for (const Instruction& i : changeset.instructions)
        renumbering.write(i);
    return out.take();
}

} // namespace realmsync::changeset
