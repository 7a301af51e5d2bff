#include "merge/transform.hpp"

#include <algorithm>

#include "merge/walk.hpp"

namespace realmsync::merge {

// Bases ascend, so the window of a later run is a suffix of the first run's, in the form that the
// earlier runs left it in.
Result<std::monostate> transform(Window& window, std::vector<Incoming>& incoming) {
    if (incoming.empty())
        return std::monostate{};
    std::vector<Local> locals;
    for (WindowEntry& entry : window.entries_after(incoming.front().base))
        locals.push_back({std::move(entry)});
    if (locals.empty())
        return std::monostate{};

    for (std::size_t begin = 0, end; begin < incoming.size(); begin = end) {
        const std::uint64_t base = incoming[begin].base;
        if (begin != 0 && base < incoming[begin - 1].base)
            return Error{ErrorKind::bad_progress, "The bases of the changesets descend."};
        for (end = begin + 1; end < incoming.size() && incoming[end].base == base;)
            ++end;
        const auto first = std::find_if(locals.begin(), locals.end(), [&](const Local& local) {
            return local.entry.version > base;
        });
        if (first == locals.end())
            break;
        if (auto error = walk({first, locals.end()}, {&incoming[begin], end - begin}))
            return std::move(*error);
    }
    for (const Local& local : locals)
        if (local.dirty)
            window.store_reciprocal(local.entry.version, *local.entry.changeset);
    return std::monostate{};
}

} // namespace realmsync::merge
