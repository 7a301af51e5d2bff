#include "merge/transform.hpp"

#include "merge/walk.hpp"

namespace realmsync::merge {

class Transformer::Impl {
  public:
    Impl(Profile profile, std::uint64_t cells) : profile_(profile), cells_(cells), index(profile) {}

    void transform(Window& window, std::span<Incoming> incoming) {
        if (incoming.empty())
            return;
        require_base(incoming.front().base);
        const std::uint64_t known = index.entries.empty() ? base : index.entries.back().version;
        index.append(window.entries_after(std::max(known, base)));
        std::uint64_t cells = cells_;
        while (!incoming.empty()) {
            require_base(incoming.front().base);
            std::size_t count = 1;
            while (count < incoming.size() && incoming[count].base == base)
                ++count;
            // The window of a later run is the end of the first one's, as earlier runs left it.
            index.advance(base);
            if (!index.empty())
                walk(index, incoming.first(count), profile_, cells);
            incoming = incoming.subspan(count);
        }
    }

    void store_reciprocals(Window& window) {
        for (const std::size_t entry : index.take_altered())
            window.store_reciprocal(index.entries[entry], index.encode(entry));
    }

  private:
    void require_base(std::uint64_t next) {
        if (next < base)
            raise(ErrorKind::bad_progress, "The bases of the changesets descend.");
        base = next;
    }

    const Profile profile_;
    const std::uint64_t cells_; // of one batch

  public:
    WindowIndex index;
    std::uint64_t base = 0;
};

Transformer::Transformer(Profile profile, std::uint64_t cells)
    : impl_(std::make_unique<Impl>(profile, cells)) {}
Transformer::~Transformer() = default;

Result<std::monostate> Transformer::transform(Window& window, std::span<Incoming> incoming) {
    try {
        impl_->transform(window, incoming);
    } catch (const ErrorException& e) {
        return e.error();
    }
    return std::monostate{};
}

void Transformer::store_reciprocals(Window& window) { impl_->store_reciprocals(window); }
std::uint64_t Transformer::base() const { return impl_->base; }
std::size_t Transformer::memory() const { return impl_->index.memory(); }
bool Transformer::is_mostly_past() const {
    return impl_->index.first() * 2 > impl_->index.entries.size();
}

Result<std::monostate> transform(Window& window, std::span<Incoming> incoming, Profile profile) {
    Transformer transformer(profile);
    Result<std::monostate> result = transformer.transform(window, incoming);
    if (result)
        transformer.store_reciprocals(window);
    return result;
}

} // namespace realmsync::merge
