// Classes, references and namespaces, for debuggers.
namespace shapes {
struct Shape {
    int id;
    virtual int area() const = 0;
};

template <typename T> struct Pair {
    T first, second;
    T product() const { return first * second; }
};

class Box : public Shape {
    Pair<int> sides;

  public:
    Box(int id, int width, int height) : sides{width, height} { this->id = id; }
    int area() const override {
        int result = sides.product();
        return result;
    }
};

enum class Kind : unsigned char { Small, Large };
static int count;
} // namespace shapes

static int measure(const shapes::Shape &shape, int &largest) {
    int area = shape.area();
    if (area > largest)
        largest = area;
    return area;
}

extern "C" __attribute__((export_name("measure"))) int measure_all(int width) {
    shapes::Box box(7, width, 3);
    int largest = 1;
    shapes::Kind kind = width > 5 ? shapes::Kind::Large : shapes::Kind::Small;
    shapes::count++;
    int area = measure(box, largest);
    return area + largest + static_cast<int>(kind);
}

extern "C" void __cxa_pure_virtual() { __builtin_trap(); }
