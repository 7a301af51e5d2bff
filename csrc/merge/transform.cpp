#include "merge/transform.hpp"

#include <optional>

#include "merge/walk.hpp"

namespace realmsync::merge {

class Transformer::Impl {
  public:
    Impl(Window& window, Profile profile) : window_(window), profile_(profile) {}

    void transform(std::span<Incoming> incoming) {
        while (!incoming.empty()) {
            const std::uint64_t base = incoming.front().base;
            if (base < base_)
                raise(ErrorKind::bad_progress, "The bases of the changesets descend.");
            base_ = base;
            std::size_t count = 1;
            while (count < incoming.size() && incoming[count].base == base)
                ++count;
            if (!index_)
                index_.emplace(window_.entries_after(base), profile_);
            // The window of a later run is the end of the first one's, as earlier runs left it.
            index_->advance(base);
            if (!index_->empty())
                walk(*index_, incoming.first(count), profile_);
            incoming = incoming.subspan(count);
        }
    }

    void store_reciprocals() {
        if (!index_)
            return;
        for (std::size_t n = 0; n < index_->entries.size(); ++n) {
            if (!index_->sides()[n].dirty)
                continue;
            window_.store_reciprocal(index_->entries[n], index_->encode(n));
            index_->sides()[n].dirty = false;
        }
    }

  private:
    Window& window_;
    const Profile profile_;
    std::uint64_t base_ = 0;
    std::optional<WindowIndex> index_; // read at the first batch
};

Transformer::Transformer(Window& window, Profile profile)
    : impl_(std::make_unique<Impl>(window, profile)) {}
Transformer::~Transformer() = default;

Result<std::monostate> Transformer::transform(std::span<Incoming> incoming) {
    try {
        impl_->transform(incoming);
    } catch (const ErrorException& e) {
        return e.error();
    }
    return std::monostate{};
}

void Transformer::store_reciprocals() { impl_->store_reciprocals(); }

Result<std::monostate> transform(Window& window, std::span<Incoming> incoming, Profile profile) {
    Transformer transformer(window, profile);
    Result<std::monostate> result = transformer.transform(incoming);
    if (result)
        transformer.store_reciprocals();
    return result;
}

} // namespace realmsync::merge
